"""Whether the numbers of a record can be true: a record that states others is not read.

What no reader can compute with is refused in every record. That times, fractions and counts lie
where such things lie is asked of a run that is `ok` only: another may have failed by just that, and
its record must be read to say so.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from benchbench.certificates import CERTIFICATE_SCHEMA, Certificate, Rung
from benchbench.machines import Card, GpuState, Machine, MachineState
from benchbench.records import EpochRecord, FinalScore, Phases, RunRecord, Stopping, Variant

_LARGEST_INTEGER = 2**63 - 1
_FLOAT32_MAX = 3.4028235e38


@dataclass(frozen=True)
class _Range:
    """Where a number lies, both ends included."""

    least: float
    greatest: float
    what: str


# A clock counts nanoseconds; no run takes a year.
_YEAR_SECONDS = 365 * 24 * 3600.0
_DURATION = _Range(1e-9, _YEAR_SECONDS, "more than 0 seconds, less than a year")
_SECONDS = _Range(0.0, _YEAR_SECONDS, "seconds from 0, less than a year")
_FRACTION = _Range(0.0, 1.0, "a fraction from 0 to 1")
_COUNT = _Range(1, _LARGEST_INTEGER, "a count from 1")
_NUMBER = _Range(0, _LARGEST_INTEGER, "a number from 0")
_AMOUNT = _Range(0.0, 1e30, "a number from 0")
# A cross-entropy is not negative but for the rounding of float32.
_LOSS = _Range(-1e-3, _FLOAT32_MAX, "a loss in float32")
_ERROR = _Range(0.0, _FLOAT32_MAX, "an error from 0, in float32")

_RANGES: dict[type[msgspec.Struct], dict[str, _Range]] = {
    RunRecord: {
        "schema": _COUNT,
        "block": _NUMBER,
        "threads": _COUNT,
        "seed": _NUMBER,
        "order_seed": _NUMBER,
        "replaces_blocks": _NUMBER,
        "further_epochs": _NUMBER,
        "train_image_count": _COUNT,
        "validation_image_count": _COUNT,
        "parameter_count": _COUNT,
        "threads_observed": _AMOUNT,
        "peak_memory_bytes": _NUMBER,
        "device_peak_memory_bytes": _NUMBER,
    },
    Stopping: {"pilot_blocks": _Range(2, _LARGEST_INTEGER, "a count from 2")},
    Variant: {"slowdown": _AMOUNT},
    EpochRecord: {
        "train_seconds": _DURATION,
        "validation_seconds": _SECONDS,
        "train_cpu_seconds": _SECONDS,
        "loss": _LOSS,
        "validation_loss": _LOSS,
        "validation_accuracy": _FRACTION,
        "validation_mean_absolute_error": _ERROR,
        "turn": _NUMBER,
        "waiting_cpu_seconds": _SECONDS,
        "foreign_cpu_fraction": _FRACTION,
        "throttled_periods": _NUMBER,
    },
    MachineState: {
        "calibration_seconds": _DURATION,
        "load_average": _AMOUNT,
        "steal_fraction": _FRACTION,
        "busy_fraction": _FRACTION,
        "cpu_pressure": _Range(0.0, 100.0, "per cent"),
        "cpu_mhz": _AMOUNT,
        "rest_seconds": _SECONDS,
    },
    Card: {"index": _NUMBER},
    GpuState: {
        "index": _NUMBER,
        "clock_mhz": _NUMBER,
        "temperature_celsius": _Range(-273, 1000, "degrees Celsius"),
        "utilisation_fraction": _FRACTION,
    },
    Phases: {
        "import_": _SECONDS,
        "data": _SECONDS,
        "build": _SECONDS,
        "first_epoch": _DURATION,
        "steady_epochs": _SECONDS,
        "validation": _SECONDS,
        "evaluate": _DURATION,
        "predict": _DURATION,
        "waiting": _SECONDS,
        "other": _SECONDS,
        "total": _DURATION,
        "further": _SECONDS,
    },
    FinalScore: {
        "loss": _LOSS,
        "accuracy": _FRACTION,
        "image_count": _COUNT,
        "mean_absolute_error": _ERROR,
    },
    Machine: {
        "physical_cores": _COUNT,
        "usable_cores": _COUNT,
        "memory_bytes": _NUMBER,
        "cpu_quota": _AMOUNT,
        "slow_cores": _COUNT,
    },
    Certificate: {
        "schema": _Range(1, CERTIFICATE_SCHEMA, f"a schema from 1 to {CERTIFICATE_SCHEMA}"),
        "threads": _COUNT,
        "batch_size": _COUNT,
        "seed": _NUMBER,
        "seconds": _SECONDS,
    },
    Rung: {
        "tolerance": _AMOUNT,
        "differences": _Range(0.0, sys.float_info.max, "differences from 0"),
    },
}


def implausible(record: RunRecord) -> Iterator[str]:
    """Yield every statement of a record that cannot be true, with its place and what is expected.

    A spec has ranges of its own and is not asked.
    """
    yield from oversized(record, "")
    for name in ("started", "finished"):
        if not _is_time(getattr(record, name)):
            yield f"{name}: expected a time as ISO 8601 has it, found {getattr(record, name)!r}"
    if record.status == "ok":
        yield from _out_of_range(record, "")
        yield from _lacks(record)


def _lacks(record: RunRecord) -> Iterator[str]:
    for name in ("epochs", "test", "phases"):
        if not getattr(record, name):
            yield f"{name}: expected some of a run that is ok, found none"
    if record.phases:
        parts = msgspec.structs.asdict(record.phases)
        total = parts.pop("total")
        if parts["waiting"] > total:
            yield f"phases.waiting: expected at most the total, {total:.6g} s, found more"
        whole = math.fsum(parts.values())
        if not math.isclose(whole, total, rel_tol=1e-6, abs_tol=1e-6):
            yield f"phases: expected a sum of {total:.6g} s, the total, found {whole:.6g} s"


def _out_of_range(value: Any, place: str) -> Iterator[str]:
    match value:
        case msgspec.Struct():
            ranges = _RANGES.get(type(value), {})
            for name in value.__struct_fields__:
                inner = getattr(value, name)
                where = f"{place}.{name}" if place else name
                if name in ranges:
                    yield from _violations(inner, where, ranges[name])
                else:
                    yield from _out_of_range(inner, where)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _out_of_range(inner, f"{place}[{index}]")


def _violations(value: Any, place: str, allowed: _Range) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _violations(inner, f"{place}[{name!r}]", allowed)
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _violations(inner, f"{place}[{index}]", allowed)
    elif value is None:
        return
    elif not allowed.least <= value <= allowed.greatest or _is_denormal(value):
        yield f"{place}: expected {allowed.what}, found {value:g}"


def _is_denormal(value: float) -> bool:
    return 0 < abs(value) < sys.float_info.min


def oversized(value: Any, place: str) -> Iterator[str]:
    """Yield the whole numbers that 64 bits cannot hold: no table and no file format takes them."""
    match value:
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from oversized(getattr(value, name), f"{place}.{name}" if place else name)
        case dict():
            for name, inner in value.items():
                yield from oversized(inner, f"{place}[{name!r}]")
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from oversized(inner, f"{place}[{index}]")
        case int() if not -_LARGEST_INTEGER <= value <= _LARGEST_INTEGER:
            yield f"{place}: expected a whole number of 64 bits, found one of {value.bit_length()}"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
