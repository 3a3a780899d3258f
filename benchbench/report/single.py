"""The table after one run: what ran, how fast, and every check with its outcome."""

from __future__ import annotations

from benchbench.compare.cells import Timing, first_epochs, steady_epochs
from benchbench.compare.contrast import cold_total_seconds
from benchbench.compare.metrics import metric_of, standardised_target, tested_metric
from benchbench.compare.remarks import remarks
from benchbench.compare.summary import (
    evaluation_throughput,
    images_per_second,
    prediction_throughput,
)
from benchbench.compare.validity import objection
from benchbench.measure.noise import noise_marks, usual_calibration
from benchbench.records import Check, RunRecord
from benchbench.report import text
from benchbench.report.document import Document, Facts, Grid, grid
from benchbench.report.metrics import in_unit, metric_text

_MARKS = {True: "✓", False: "✗", None: text.UNKNOWN}


def build(record: RunRecord) -> Document:
    """Return facts, figures and checks of one run; of a run without end, the figures it has."""
    pairs = [*_facts(record), *_figures(record)]
    if record.status != "ok":
        pairs = [pair for pair in pairs if pair[1] != text.UNKNOWN]
    blocks: list[Facts | Grid] = [Facts(tuple(pairs))]
    if record.checks:
        blocks.append(
            grid(
                list(map(_check, record.checks)), ["", "check", "expected", "observed"], states=[""]
            )
        )
    return tuple(blocks)


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    device = record.device or text.UNKNOWN
    pairs = [
        ("model", record.model),
        ("parameters", text.count(record.parameter_count)),
        ("backend", record.backend),
        ("division", record.division),
        ("device", f"{device}, threads {record.threads}, seed {record.seed}"),
        ("data set", record.dataset),
        ("status", record.status),
    ]
    pairs.append(("certificate", _certificate(record)))
    if record.error:
        pairs.append(("reason", record.error))
    pairs += [("remark", remark) for remark in remarks([record])]
    return pairs


def _certificate(record: RunRecord) -> str:
    verdict = record.certificate.verdict if record.certificate else "none"
    told = objection(record)
    if told and told != record.error:  # else the line of the reason says it
        return f"{verdict}; not comparable: {told}"
    deviations = record.certificate.deviations if record.certificate else ()
    declared = "; ".join(f"{rung.name} {rung.explanation}" for rung in deviations)
    return f"{verdict}: {declared}" if declared else verdict


def _figures(record: RunRecord) -> list[tuple[str, str]]:
    first, steady = first_epochs([record]), steady_epochs([record])
    trained = images_per_second(record.train_image_count, steady.seconds if steady else None)
    samples = "images" if len(record.spec.input_shape) == 3 else "samples"
    pairs = [
        (f"test {metric_of(record).title}", _tested(record)),
        ("first epoch", _with_unit(text.seconds(first.seconds if first else None), "s")),
        ("steady epoch", _steady(steady)),
        ("noise", _noise(record)),
        ("training", _with_unit(text.count(trained), f"{samples}/s")),
        ("evaluation", _with_unit(text.count(evaluation_throughput(record)), f"{samples}/s")),
        ("prediction", _with_unit(text.count(prediction_throughput(record)), f"{samples}/s")),
        ("cold total", _with_unit(text.seconds(cold_total_seconds(record)), "s")),
        ("peak memory", _with_unit(text.megabytes(record.peak_memory_bytes), "MB")),
    ]
    if record.device_peak_memory_bytes is not None:
        on_device = text.megabytes(record.device_peak_memory_bytes)
        pairs.append(("device memory", _with_unit(on_device, "MB")))
    return pairs


def _tested(record: RunRecord) -> str:
    """Write the test metric; an error of a standardised target in the target's own unit too."""
    metric, value = metric_of(record), tested_metric(record)
    written = metric_text(metric, value)
    if metric.is_fraction:
        return written
    return written + in_unit(value, *standardised_target(record))


def _noise(record: RunRecord) -> str:
    """Say how many epochs are noisy, measured against the run's own usual calibration."""
    count = len(record.epochs)
    if all(epoch.machine is None for epoch in record.epochs):
        return text.UNKNOWN
    marks = noise_marks(record, usual_calibration([record]))
    if not marks:
        return f"none of {count} epochs is marked"
    noisy = list(dict.fromkeys(mark.epoch for mark in marks))
    reasons = ", ".join(mark.reason for mark in marks if mark.epoch == noisy[0])
    return f"{len(noisy)} of {count} epochs are noisy; epoch {noisy[0]}: {reasons}"


def _with_unit(value: str, unit: str) -> str:
    return value if value == text.UNKNOWN else f"{value} {unit}"


def _steady(timing: Timing | None) -> str:
    if timing is None:
        return text.UNKNOWN
    median = text.seconds(timing.seconds)
    return f"{median} s (median of {timing.value_count}, range {text.extent(timing)})"


def _check(check: Check) -> list[str]:
    return [_MARKS[check.passed], check.name, check.expected, check.observed]
