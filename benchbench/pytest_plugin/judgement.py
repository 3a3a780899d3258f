"""What must hold between a run of epoch benchmarks and a saved one. Pure: no pytest, no files.

pytest-benchmark compares what the two have in common, by name, and says nothing of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchbench.errors import nearest
from benchbench.pytest_plugin.measurement import EpochMeasurement
from benchbench.pytest_plugin.saved_runs import SavedRun

FAIL_RATIO = "--benchbench-fail-ratio"


@dataclass(frozen=True)
class Judgement:
    """What is wrong between a run and a baseline, and how many benchmarks were compared.

    `missing` has a sentence for each benchmark of the baseline that was not measured.
    """

    complaints: list[str]
    missing: list[str]
    compared_count: int


def judge(
    measured: Mapping[str, EpochMeasurement], baseline: SavedRun, allowed: float | None
) -> Judgement:
    """Judge a run: nothing of the baseline missing, the same work, none slower than allowed.

    `allowed` is the fraction by which a ratio to the calibration may grow; None asks for no gate.
    """
    complaints, missing, compared = [], [], 0
    fresh = [name for name in measured if name not in baseline.measurements]
    for test, then in baseline.measurements.items():
        now = measured.get(test)
        if now is None:
            missing.append(
                f"{test}: the baseline {baseline.name} has it, but it was not measured: deleted, "
                f"renamed, skipped, failed or disabled{nearest(test, fresh)}. Bring it back or, if "
                f"the change is meant, save a new baseline: run without --benchmark-compare"
            )
        elif changes := [
            f"{name} {before} then, {now.work[name]} now"
            for name, before in then.work.items()
            if now.work[name] != before
        ]:
            complaints.append(
                f"{test}: expected the work of the baseline {baseline.name}, but measured other "
                f"work ({'; '.join(changes)}); the two times do not compare. Measure the same, or "
                f"give the test another name"
            )
        else:
            compared += 1
            growth = now.ratio_to_calibration / then.ratio_to_calibration
            if allowed is not None and growth > 1 + allowed:
                complaints.append(
                    f"{test}: expected at most {1 + allowed:.3g} times the baseline's ratio to the "
                    f"calibration, but it is {growth:.3g} times ({then.ratio_to_calibration:.3g} "
                    f"in {baseline.name}, {now.ratio_to_calibration:.3g} now). Look for what made "
                    f"it slower, or run again: a shared machine drifts"
                )
    return Judgement(complaints, missing, compared)
