"""What must hold between a run of epoch benchmarks and a saved one. Pure: no pytest, no files.

pytest-benchmark compares what the two have in common, by name, and says nothing of the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchbench.errors import nearest
from benchbench.pytest_plugin.measurement import EpochMeasurement
from benchbench.pytest_plugin.saved_runs import SavedRun

FAIL_RATIO = "--benchbench-fail-ratio"

# So many saved runs say how much two runs of the same code differ.
_FEWEST_RUNS = 4
_SURE = 0.99


@dataclass(frozen=True)
class Judgement:
    """What is wrong between a run and a baseline, and how many benchmarks were compared.

    `missing` has a sentence for each benchmark of the baseline that was not measured.
    """

    complaints: list[str]
    missing: list[str]
    compared_count: int


class RatioGate:
    """By how much a ratio to the calibration may have grown, and what can be told apart at all.

    `allowed` is a fraction. By how much two runs of the same code differ, the saved runs of the
    same work say: from one to the next, for then a trend adds little (von Neumann et al., Annals of
    Mathematical Statistics 12, 1941, 153-162). A growth counts if it is beyond `allowed` by more
    than Student's quantile times the standard deviation of such a difference. Of runs of normal
    scatter that grew by just what is allowed one in a hundred fails, of recorded ones 1 to 4, for
    some differ more; where nothing changed at most 0.6 (`python studies/pytest_gate.py`).
    `told_apart` has the growth beyond `allowed` that may be chance, of each benchmark judged.
    """

    def __init__(self, allowed: float, saved: Sequence[SavedRun]) -> None:
        self.allowed = allowed
        self.remarks: list[str] = []
        self._saved = saved
        self.told_apart: list[float] = []
        self._unknown: list[str] = []

    def allows(self, test: str, then: EpochMeasurement, now: EpochMeasurement) -> bool:
        """Say whether the growth may be, or be chance; where that is not known, note it."""
        known = [run.measurements[test] for run in self._saved if test in run.measurements]
        ratios = [one.ratio_to_calibration for one in known if one.work == now.work]
        if len(ratios) < _FEWEST_RUNS:
            self._unknown.append(test)
            return True
        chance = _chance(ratios)
        self.told_apart.append(math.expm1(chance))
        growth = math.log(now.ratio_to_calibration / then.ratio_to_calibration)
        return growth <= math.log1p(self.allowed) + chance

    def objections(self, measured_count: int) -> Iterator[str]:
        """Yield why the gate was none; note what it could tell apart."""
        if self.told_apart:
            self.remarks.append(
                f"the saved runs differ so much that a growth below "
                f"{100 * min(self.told_apart):.0f} to {100 * max(self.told_apart):.0f} %, beyond "
                f"the {100 * self.allowed:g} % allowed, may be chance"
            )
        if self._unknown:
            self.remarks.append(
                f"{len(self._unknown)} benchmarks have no gate: {_FEWEST_RUNS} saved runs of the "
                f"same work say how much two runs differ, and they have fewer"
            )
        if not self.told_apart:
            yield (
                f"{FAIL_RATIO} was asked for, but no epoch benchmark could be judged: this run "
                f"measured {measured_count}, and a baseline and {_FEWEST_RUNS} saved runs of the "
                f"same work are needed; save some without {FAIL_RATIO}"
            )


def _chance(ratios: Sequence[float]) -> float:
    """Return what two runs of the same code differ by 99 times of 100 at most, in logarithms."""
    from scipy import special

    steps = [math.log(second / first) for first, second in pairwise(ratios)]
    difference = math.sqrt(math.fsum(step**2 for step in steps) / len(steps))
    return float(special.stdtrit(len(steps), _SURE)) * difference


def judge(
    measured: Mapping[str, EpochMeasurement], baseline: SavedRun, gate: RatioGate | None
) -> Judgement:
    """Judge a run: nothing of the baseline missing, the same work, none slower than allowed."""
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
            if gate and not gate.allows(test, then, now):
                growth = now.ratio_to_calibration / then.ratio_to_calibration
                complaints.append(
                    f"{test}: expected at most {1 + gate.allowed:.3g} times the baseline's ratio "
                    f"to the calibration, but it is {growth:.3g} times "
                    f"({then.ratio_to_calibration:.3g} in {baseline.name}, "
                    f"{now.ratio_to_calibration:.3g} now), more than saved runs differ"
                )
    return Judgement(complaints, missing, compared)
