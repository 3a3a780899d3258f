"""From runs to cells: what the runs of one cell say together.

A cell is everything that makes runs alike: session, data, device, machine, model, backend,
division, variant, threads, spec, versions. Runs that differ in any of these are never pooled: times
of another hour, or of another machine, are other times.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from benchbench.compare.cells import (
    Timing,
    cold_totals,
    first_epochs,
    machine_name,
    model_order,
    steady_epochs,
)
from benchbench.compare.contrast import CellName
from benchbench.compare.metrics import metric_of, standardised_target
from benchbench.compare.validity import objection
from benchbench.measure.noise import noise_marks, usual_calibration
from benchbench.records import RunRecord
from benchbench.spec.losses import ACCURACY, Metric


class CellSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The finished and valid runs of one cell, summed up; null is unknown.

    `machine` is the kind of machine, `host` which one, null where it has no name. Throughputs are
    samples a second, `of_images` says whether these are images; memory is bytes.
    `steady_epoch_seconds` is of the second and later epochs; the training throughput follows from
    it. `noisy_epochs` counts those of all `epochs_run` that something else may have disturbed:
    marked, never dropped. `metric` is the task's. Accuracies are fractions, a mean absolute error
    is in the unit of the targets; of a table these are standardised: `target` is the column,
    `target_scale` its deviation. `checks_applied` counts the checks of all runs that could be made.
    `certificate` is holds, deviates, breaks or none; `objection` says why the cell is not to be
    compared, if so.
    """

    session_id: str
    dataset: str
    dataset_sha256: str | None
    train_image_count: int | None
    device: str | None
    machine: str
    host: str | None = None
    model: str
    backend: str
    division: str
    variant: str | None
    threads: int
    epoch_count: int
    spec_sha256: str
    versions: tuple[tuple[str, str], ...]
    parameter_count: int | None
    run_count: int
    seed_count: int
    test_accuracy_mean: float | None
    test_accuracy_least: float | None
    test_accuracy_greatest: float | None
    first_epoch_seconds: Timing | None
    steady_epoch_seconds: Timing | None
    training_images_per_second: float | None
    evaluation_images_per_second: float | None
    prediction_images_per_second: float | None
    cold_total_seconds: Timing | None
    epochs_run: int
    noisy_epochs: int
    peak_memory_bytes: int | None
    device_peak_memory_bytes: int | None
    checks_passed: int
    checks_applied: int
    certificate: str
    objection: str | None
    test_mean_absolute_error: float | None = None
    test_mean_absolute_error_least: float | None = None
    test_mean_absolute_error_greatest: float | None = None
    metric: Metric = ACCURACY
    of_images: bool = True
    target: str | None = None
    target_scale: float | None = None

    @property
    def name(self) -> CellName:
        """What the cell is called within its session and model."""
        return CellName(self.backend, self.division, self.variant or "")

    @property
    def test_metric(self) -> tuple[float | None, float | None, float | None]:
        """The mean of the metric over the runs, the least and the greatest."""
        if self.metric.is_fraction:
            return self.test_accuracy_mean, self.test_accuracy_least, self.test_accuracy_greatest
        return (
            self.test_mean_absolute_error,
            self.test_mean_absolute_error_least,
            self.test_mean_absolute_error_greatest,
        )


def summarise(records: Iterable[RunRecord], confidence: float = 0.95) -> tuple[CellSummary, ...]:
    """Sum up the runs with status `ok`, one cell each, in reading order; other runs are left out.

    Models come in the order of the catalog, then by name. The order of the records means nothing.
    """
    groups: dict[tuple[object, ...], list[RunRecord]] = defaultdict(list)
    together: dict[tuple[str, str | None, str], list[RunRecord]] = defaultdict(list)
    for record in records:
        if record.status == "ok":
            groups[_kind(record)].append(record)
            together[_side_by_side(record)].append(record)
    usual = {key: usual_calibration(runs) for key, runs in together.items()}
    cells = [_cell(group, confidence, usual[_side_by_side(group[0])]) for group in groups.values()]
    return tuple(sorted(cells, key=reading_order))


def reading_order(cell: CellSummary) -> tuple[object, ...]:
    """Return the key that sorts cells as tables show them; no two cells share one."""
    return (
        cell.dataset,
        cell.dataset_sha256 or "",
        cell.train_image_count or 0,
        cell.device or "",
        cell.machine,
        model_order(cell.model),
        cell.backend,
        cell.division,
        cell.variant or "",
        cell.host or "",
        cell.threads,
        cell.spec_sha256,
        cell.versions,
        cell.session_id,
    )


def images_per_second(image_count: int | None, seconds: float | None) -> float | None:
    """Divide, or return None where either is unknown or no time passed."""
    return image_count / seconds if image_count is not None and seconds else None


def _kind(record: RunRecord) -> tuple[object, ...]:
    return (
        record.session_id,
        record.dataset,
        record.dataset_sha256,
        record.train_image_count,
        record.device,
        machine_name(record),
        record.machine.host,
        record.model,
        record.backend,
        record.division,
        record.variant,
        record.threads,
        record.spec_sha256,
        tuple(sorted(record.versions.items())),
    )


def _side_by_side(record: RunRecord) -> tuple[str, str | None, str]:
    return record.session_id, record.machine.host, record.model


def _cell(
    runs: Sequence[RunRecord], confidence: float, usual_calibration_seconds: float | None
) -> CellSummary:
    one = runs[0]
    steady = steady_epochs(runs, confidence)
    marks = [{mark.epoch for mark in noise_marks(run, usual_calibration_seconds)} for run in runs]
    errors = [one.mean_absolute_error for one in (run.test for run in runs) if one]
    known_errors = [error for error in errors if error is not None]
    accuracies = [run.test.accuracy for run in runs if run.test and run.test.accuracy is not None]
    target, target_scale = standardised_target(one)
    checks = [check.passed for run in runs for check in run.checks if check.passed is not None]
    return CellSummary(
        session_id=one.session_id,
        dataset=one.dataset,
        dataset_sha256=one.dataset_sha256,
        train_image_count=one.train_image_count,
        device=one.device,
        machine=machine_name(one),
        host=one.machine.host,
        model=one.model,
        backend=one.backend,
        division=one.division,
        variant=one.variant.label if one.variant else None,
        threads=one.threads,
        epoch_count=one.protocol.epochs,
        spec_sha256=one.spec_sha256,
        versions=tuple(sorted(one.versions.items())),
        parameter_count=_greatest(run.parameter_count for run in runs),
        run_count=len(runs),
        seed_count=len({run.seed for run in runs}),
        test_accuracy_mean=statistics.fmean(accuracies) if accuracies else None,
        test_accuracy_least=min(accuracies, default=None),
        test_accuracy_greatest=max(accuracies, default=None),
        first_epoch_seconds=first_epochs(runs, confidence),
        steady_epoch_seconds=steady,
        training_images_per_second=images_per_second(
            one.train_image_count, steady.seconds if steady else None
        ),
        evaluation_images_per_second=_median(runs, evaluation_throughput),
        prediction_images_per_second=_median(runs, prediction_throughput),
        cold_total_seconds=cold_totals(runs, confidence),
        epochs_run=sum(len(run.epochs) for run in runs),
        noisy_epochs=sum(map(len, marks)),
        peak_memory_bytes=_greatest(run.peak_memory_bytes for run in runs),
        device_peak_memory_bytes=_greatest(run.device_peak_memory_bytes for run in runs),
        checks_passed=sum(checks),
        checks_applied=len(checks),
        certificate=_worst_certificate(runs),
        objection=next((told for run in runs if (told := objection(run))), None),
        test_mean_absolute_error=statistics.fmean(known_errors) if known_errors else None,
        test_mean_absolute_error_least=min(known_errors, default=None),
        test_mean_absolute_error_greatest=max(known_errors, default=None),
        metric=metric_of(one),
        of_images=len(one.spec.input_shape) == 3,
        target=target,
        target_scale=target_scale,
    )


def _worst_certificate(runs: Sequence[RunRecord]) -> str:
    verdicts = [run.certificate.verdict if run.certificate else "none" for run in runs]
    return max(verdicts, key=("holds", "deviates", "breaks", "none").index)


def evaluation_throughput(run: RunRecord) -> float | None:
    """Return the test images evaluated a second."""
    if run.test is None or run.phases is None:
        return None
    return images_per_second(run.test.image_count, run.phases.evaluate)


def prediction_throughput(run: RunRecord) -> float | None:
    """Return the test images predicted a second."""
    if run.test is None or run.phases is None:
        return None
    return images_per_second(run.test.image_count, run.phases.predict)


def _median(
    runs: Sequence[RunRecord], measure: Callable[[RunRecord], float | None]
) -> float | None:
    known = [value for run in runs if (value := measure(run)) is not None]
    return statistics.median(known) if known else None


def _greatest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
