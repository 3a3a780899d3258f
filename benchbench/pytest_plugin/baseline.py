"""What must hold between a run of epoch benchmarks and a saved one. Pure: no pytest, no files.

pytest-benchmark compares what the two have in common, by name, and says nothing of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from benchbench.errors import StoreError, nearest
from benchbench.pytest_plugin.measurement import EpochMeasurement, measurement_of

Measurements = Mapping[str, EpochMeasurement]


@dataclass(frozen=True)
class SavedRun:
    """The epoch benchmarks of one saved run, by pytest's name for the test."""

    name: str
    measurements: Measurements


@dataclass(frozen=True)
class Run:
    """What this run measured, and what became of the rest.

    `reasons` says why a test that ran has no measurement; `excused` tells whether the user chose to
    leave a test out.
    """

    measurements: Measurements
    reasons: Mapping[str, str]
    excused: Callable[[str], bool]


@dataclass(frozen=True)
class Judgement:
    """What is wrong between a run and a baseline, and how many benchmarks were compared."""

    complaints: tuple[str, ...]
    compared_count: int
    excused_count: int


def read_baseline(name: str, benchmarks: Mapping[str, Mapping[str, Any]]) -> SavedRun:
    """Pick the epoch benchmarks out of a saved run's. Raises StoreError for one unreadable."""
    measurements = {}
    for test, saved in benchmarks.items():
        try:
            measurement = measurement_of(saved.get("extra_info") or {})
        except msgspec.ValidationError as error:
            raise StoreError(
                f"the baseline {name} has a benchmark that this version of benchbench does not "
                f"read, {test} ({error}); save a new one: run without --benchmark-compare"
            ) from None
        if measurement:
            measurements[test] = measurement
    return SavedRun(name, measurements)


def judge(run: Run, baseline: SavedRun, allowed: float | None) -> Judgement:
    """Judge a run: nothing of the baseline missing, the same work, none slower than allowed.

    `allowed` is the fraction by which a ratio to the calibration may grow; None asks for no gate.
    """
    expected = baseline.measurements
    missing = [test for test in expected if test not in run.measurements]
    excused = [test for test in missing if run.excused(test)]
    complaints = [_missing(test, run, baseline) for test in missing if not run.excused(test)]
    compared = 0
    for test, now in run.measurements.items():
        then = expected.get(test)
        if then is None:
            continue
        changes = [
            f"{name} {before} then, {now.work[name]} now"
            for name, before in then.work.items()
            if now.work[name] != before
        ]
        if changes:
            complaints.append(
                f"{test}: expected the work of the baseline {baseline.name}, but measured other "
                f"work ({'; '.join(changes)}); the two times do not compare. Measure the same, or "
                f"give the test another name"
            )
            continue
        compared += 1
        growth = now.ratio_to_calibration / then.ratio_to_calibration
        if allowed is not None and growth > 1 + allowed:
            complaints.append(
                f"{test}: expected at most {1 + allowed:.3g} times the baseline's ratio to the "
                f"calibration, but it is {growth:.3g} times ({then.ratio_to_calibration:.3g} in "
                f"{baseline.name}, {now.ratio_to_calibration:.3g} now). Look for what made it "
                f"slower, or run again: a shared machine drifts"
            )
    return Judgement(tuple(complaints), compared, len(excused))


def _missing(test: str, run: Run, baseline: SavedRun) -> str:
    fresh = [name for name in run.measurements if name not in baseline.measurements]
    reason = run.reasons.get(test) or f"there is no such test{nearest(test, fresh)}"
    return (
        f"{test}: expected, for the baseline {baseline.name} has it, but not measured: {reason}. "
        f"Bring it back or, if the change is meant, save a new baseline: run without "
        f"--benchmark-compare"
    )
