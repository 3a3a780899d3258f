"""Faults that ten steps in a given order do not show, and the rungs that show them."""

from __future__ import annotations

from functools import cache

from benchbench import ModelSpec
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.implementation import Implementation
from benchbench.certify.rungs import ALL_STARTS
from faulty import large, later, shuffling
from faulty.fault import Fault, FaultyBackend
from faulty.scoring import sides

FAULTS: tuple[Fault, ...] = (*shuffling.FAULTS, *later.FAULTS, *large.FAULTS)
RUNGS = ("three epochs", "large split", "order")


@cache
def breaking(fault: Fault, model: ModelSpec, rungs: tuple[str, ...] = RUNGS) -> dict[str, str]:
    """Return those of these rungs that break with the fault, and what each says."""
    exercise, reference = sides(model)
    candidate = CandidateMeasures(Implementation(FaultyBackend(fault)), reference, exercise)
    broken = {}
    for measure in candidate.measures():
        if measure.rung in rungs:
            finding = measure.find(ALL_STARTS)
            limit = finding.limit or measure.limit
            if finding.difference is None or finding.difference > limit.tolerance:
                broken[measure.rung] = finding.look()
    return broken
