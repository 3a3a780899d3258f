"""Faults that begin late, come and go, or need many samples: the last rungs see them."""

from __future__ import annotations

import pytest
from faulty import large, later
from faulty.escapes import ESCAPES
from faulty.fault import Fault
from faulty.late import FAULTS, breaking
from faulty.scoring import ALL_MODELS

# Smooth: its tolerances are its own.
MODEL = ALL_MODELS["single-layer"]


@pytest.mark.parametrize("fault", [*later.FAULTS, *large.FAULTS], ids=lambda fault: fault.name)
def test_a_late_fault_is_caught(fault):
    broken = breaking(fault, MODEL, fault.rungs_in(MODEL))
    assert broken, f"not by {fault.rungs_in(MODEL)}"
    assert all(broken.values())


def test_they_are_sixty_and_no_two_have_one_name():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 60


def test_the_right_backend_passes():
    assert not breaking(Fault("none", "nothing is wrong", ""), MODEL)


def test_what_is_too_faint_for_ten_steps_shows_after_three_epochs_of_a_smooth_network():
    caught = {fault.name: bool(breaking(fault, MODEL, ("three epochs",))) for fault in ESCAPES}
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
    assert words in breaking(fault, MODEL, fault.rungs_in(MODEL))["three epochs"]
