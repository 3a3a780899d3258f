"""From runs to cells: what the runs of one cell say together.

A cell is everything that makes runs alike: data, device, machine, model, backend, division,
variant, threads, spec, versions. Runs that differ in any of these are never pooled.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from benchbench.compare.cells import machine_name, model_order
from benchbench.compare.contrast import cold_total_seconds
from benchbench.compare.validity import objection
from benchbench.records import RunRecord


class Spread(msgspec.Struct, frozen=True):
    """The median of some values, the least and the greatest of them, and how many there are."""

    median: float
    least: float
    greatest: float
    value_count: int


class CellSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The finished and valid runs of one cell, summed up; null is unknown.

    Throughputs are images a second, memory is bytes. `steady_epoch_seconds` is over the second and
    later epochs of all runs; the training throughput follows from its median. Accuracies are
    fractions. `checks_applied` counts the checks of all runs that could be made. `certificate` is
    holds, deviates, breaks or none; `objection` says why the cell is not to be compared, if so.
    """

    dataset: str
    dataset_sha256: str | None
    train_image_count: int | None
    device: str | None
    machine: str
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
    first_epoch_seconds: Spread | None
    steady_epoch_seconds: Spread | None
    training_images_per_second: float | None
    evaluation_images_per_second: float | None
    prediction_images_per_second: float | None
    cold_total_seconds: Spread | None
    peak_memory_bytes: int | None
    device_peak_memory_bytes: int | None
    checks_passed: int
    checks_applied: int
    certificate: str
    objection: str | None


def summarise(records: Iterable[RunRecord]) -> tuple[CellSummary, ...]:
    """Sum up the runs with status `ok`, one cell each, in reading order; other runs are left out.

    Models come in the order of the catalog, then by name. The order of the records means nothing.
    """
    groups: dict[tuple[object, ...], list[RunRecord]] = defaultdict(list)
    for record in records:
        if record.status == "ok":
            groups[_kind(record)].append(record)
    cells = [_cell(group) for group in groups.values()]
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
        cell.threads,
        cell.spec_sha256,
        cell.versions,
    )


def epoch_seconds(records: Sequence[RunRecord]) -> tuple[Spread | None, Spread | None]:
    """Return the training times of first epochs, and of all second and later ones, in seconds."""
    first = [record.epochs[0].train_seconds for record in records if record.epochs]
    steady = [epoch.train_seconds for record in records for epoch in record.epochs[1:]]
    return spread(first), spread(steady)


def images_per_second(image_count: int | None, seconds: float | None) -> float | None:
    """Divide, or return None where either is unknown or no time passed."""
    return image_count / seconds if image_count is not None and seconds else None


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of the values that are known, None where none is."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    return Spread(statistics.median(known), min(known), max(known), len(known))


def _kind(record: RunRecord) -> tuple[object, ...]:
    return (
        record.dataset,
        record.dataset_sha256,
        record.train_image_count,
        record.device,
        machine_name(record),
        record.model,
        record.backend,
        record.division,
        record.variant,
        record.threads,
        record.spec_sha256,
        tuple(sorted(record.versions.items())),
    )


def _cell(runs: Sequence[RunRecord]) -> CellSummary:
    one = runs[0]
    first, steady = epoch_seconds(runs)
    accuracies = [run.test.accuracy for run in runs if run.test and run.test.accuracy is not None]
    checks = [check.passed for run in runs for check in run.checks if check.passed is not None]
    return CellSummary(
        dataset=one.dataset,
        dataset_sha256=one.dataset_sha256,
        train_image_count=one.train_image_count,
        device=one.device,
        machine=machine_name(one),
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
        first_epoch_seconds=first,
        steady_epoch_seconds=steady,
        training_images_per_second=images_per_second(
            one.train_image_count, steady.median if steady else None
        ),
        evaluation_images_per_second=_median(runs, evaluation_throughput),
        prediction_images_per_second=_median(runs, prediction_throughput),
        cold_total_seconds=spread(cold_total_seconds(run) for run in runs),
        peak_memory_bytes=_greatest(run.peak_memory_bytes for run in runs),
        device_peak_memory_bytes=_greatest(run.device_peak_memory_bytes for run in runs),
        checks_passed=sum(checks),
        checks_applied=len(checks),
        certificate=_worst_certificate(runs),
        objection=next((told for run in runs if (told := objection(run))), None),
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
    found = spread(measure(run) for run in runs)
    return found.median if found else None


def _greatest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
