"""Backends that are honest while they are certified, in a run: digits in full, as a worker does."""

from __future__ import annotations

import pytest
from faulty.dishonest import DISHONEST
from two_faced import Runner

FAULTS = {fault.name: fault for fault in DISHONEST}


@pytest.fixture(scope="module")
def runner():
    return Runner("single-layer")


@pytest.mark.parametrize(
    ("name", "check"),
    [("stops after one epoch", "losses"), ("claims all losses", "losses recounted")],
)
def test_what_is_done_when_nobody_certifies_shows_in_the_losses(runner, name, check):
    assert check in runner.failed(FAULTS[name], 100)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [100, 101, 102])
def test_an_honest_run_is_well(runner, seed):
    assert runner.failed(None, seed) == []
