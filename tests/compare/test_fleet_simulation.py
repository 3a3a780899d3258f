"""Intervals and verdicts over machines keep their promises, over thousands of drawn fleets."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from benchbench.compare.machine_resolution import smallest_slowdown_on_machines


@pytest.fixture(scope="module")
def fleet():
    return importlib.import_module("fleet")


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("between", [0.005, 0.02])
@pytest.mark.parametrize("machines", [3, 5])
def test_intervals_hold_as_often_as_they_say(fleet, random, machines, between, exhaustive):
    fleets = 4000 if exhaustive else 400
    design = fleet.DESIGNS[0]
    drawn = [fleet.draw(design, machines, between, 0.1, random) for _ in range(fleets)]
    # Three standard errors, and what the study allows besides.
    slack = 3 * math.sqrt(0.95 * 0.05 / fleets)
    middle = np.mean([one.middle_held for one in drawn])
    further = np.mean([one.further_held for one in drawn])
    assert 0.95 - slack < middle < 0.95 + slack
    assert 0.93 - slack < further < 0.98 + slack


def test_the_textbooks_interval_does_not(fleet, random):
    """Why it is not used: at five machines, of which the scatter is that of a mean of blocks."""
    drawn = [fleet.draw(fleet.DESIGNS[1], 5, 0.01, 0.1, random) for _ in range(400)]
    assert np.mean([one.further_held_by_textbook for one in drawn]) < 0.93


def test_the_smallest_slowdown_is_found_in_four_fleets_of_five(fleet, random, exhaustive):
    fleets = 2000 if exhaustive else 250
    for machines, between in ((3, 0.0), (5, 0.02)):
        least = smallest_slowdown_on_machines(
            machines=machines,
            blocks=5,
            within=fleet.WITHIN,
            between=between,
            question=fleet.QUESTION,
        )
        middle = math.log1p(least)
        drawn = [
            fleet.draw(fleet.DESIGNS[0], machines, between, middle, random) for _ in range(fleets)
        ]
        found = np.mean([one == "SLOWER" for one in fleet._verdicts(drawn)])
        assert found == pytest.approx(0.8, abs=3.5 * math.sqrt(0.16 / fleets))


def test_machines_that_differ_more_can_tell_less(fleet):
    found = [
        smallest_slowdown_on_machines(
            machines=machines, blocks=5, within=0.02, between=between, question=fleet.QUESTION
        )
        for machines, between in ((10, 0.0), (10, 0.02), (3, 0.02))
    ]
    assert found == sorted(found)
    assert found[0] > 0.03
