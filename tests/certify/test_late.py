"""Faults that begin late, come and go, or need many samples: the last rungs see them."""

from __future__ import annotations

import pytest
from faulty import large, later
from faulty.escapes import ESCAPES
from faulty.fault import Fault, FaultyBackend
from faulty.scoring import ALL_MODELS, sides

from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import Implementation
from benchbench.certify.rungs import ALL_STARTS, Finding, Measure

# Smooth: its tolerances are its own.
MODEL = ALL_MODELS["single-layer"]
LAST = ("three epochs", "large split", "order")


def last_rungs(fault: Fault) -> list[tuple[Measure, Finding]]:
    """Return what is found at the last rungs; the others cannot see what begins late."""
    exercise, reference = sides(MODEL)
    candidate = CandidateMeasures(Implementation(FaultyBackend(fault)), reference, exercise)
    measures = [one for one in candidate.measures() if one.rung in LAST]
    return [(one, one.find(ALL_STARTS)) for one in measures]


def breaking(fault: Fault) -> dict[str, str]:
    """Return the rungs that break, with what they say."""
    broken = {}
    for measure, finding in last_rungs(fault):
        limit = finding.limit or measure.limit
        if finding.difference is None or finding.difference > limit.tolerance:
            broken[measure.rung] = finding.look()
    return broken


@pytest.mark.parametrize("fault", [*later.FAULTS, *large.FAULTS], ids=lambda fault: fault.name)
def test_a_late_fault_is_caught(fault):
    broken = breaking(fault)
    assert set(broken) & set(fault.rungs_in(MODEL)), broken
    assert all(broken.values())


def test_the_right_backend_passes():
    assert not breaking(Fault("none", "nothing is wrong", ""))


def test_what_is_too_faint_for_ten_steps_shows_after_three_epochs_of_a_smooth_network():
    caught = {fault.name: "three epochs" in breaking(fault) for fault in ESCAPES}
    assert caught == {
        "AMSGrad": True,
        "decoupled weight decay 1e-5": False,
        "half-precision gradients": True,
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("every second step", "The first epoch differs"),
        ("early stop", "It begins with epoch 3: what happens between epochs"),
        ("rate by epoch", "It begins with epoch 2"),
    ],
)
def test_it_is_said_when_it_begins(name, words):
    (fault,) = (one for one in later.FAULTS if one.name == name)
    assert words in breaking(fault)["three epochs"]
