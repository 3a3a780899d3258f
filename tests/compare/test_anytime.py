"""Evidence that holds at every look: against its definition, and against its promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from benchbench.compare.anytime import _PRECISION, Anytime, log_evidence
from benchbench.compare.estimate import Student, blocks_for_width, estimate
from benchbench.records import Stopping


@pytest.mark.parametrize("count", [2, 3, 5, 12])
@pytest.mark.parametrize("ratio", [-0.5, 0.0, 0.4, 2.0, 9.0])
def test_the_evidence_is_the_ratio_of_likelihoods_that_it_says(count, ratio):
    """Of the t-statistic, whose noncentrality is half-normal, against the central one."""
    t = ratio * math.sqrt(count - 1)
    half_normal = stats.halfnorm(scale=1 / math.sqrt(_PRECISION))

    def likelihood(distance):
        shifted = stats.nct.pdf(t, count - 1, distance * math.sqrt(count))
        return shifted * half_normal.pdf(distance)

    mixed, _ = integrate.quad(likelihood, 0, 60, limit=400)
    expected = math.log(mixed / stats.t.pdf(t, count - 1))
    assert log_evidence(ratio, count) == pytest.approx(expected, abs=1e-3)


def test_interval_and_p_values_are_of_one_mind():
    found = Anytime(np.array([0.30, 0.33, 0.35, 0.31]))
    low, high = found.interval(0.95)
    assert found.p_above(low) == pytest.approx(0.025)
    assert found.p_below(high) == pytest.approx(0.025)
    assert found.value - low == pytest.approx(high - found.value)


def test_two_blocks_have_no_interval_and_equal_ones_no_certainty():
    assert Anytime(np.array([0.30, 0.33])).interval(0.95) is None
    equal = Anytime(np.array([0.3, 0.3, 0.3]))
    assert equal.interval(0.95) == (pytest.approx(0.3), pytest.approx(0.3))
    assert 0.001 < equal.p_above(0.0) < 0.01
    assert equal.p_above(0.4) == 1


def test_whoever_looks_at_every_block_is_fooled_in_one_of_forty_at_most():
    """At the bound, over 60 looks; by Student's t it is more than one in ten."""
    random = np.random.default_rng(3)
    fooled = {"anytime": 0, "student": 0}
    sessions = 400
    for _ in range(sessions):
        medians = random.normal(0, 0.02, 60)
        looks = [medians[:count] for count in range(3, 61)]
        fooled["anytime"] += any(Anytime(one).p_above(0.0) <= 0.025 for one in looks)
        fooled["student"] += any(Student(one, len(one)).p_above(0.0) <= 0.025 for one in looks)
    assert fooled["anytime"] / sessions < 0.025 + 2 * math.sqrt(0.025 * 0.975 / sessions)
    assert fooled["student"] / sessions > 0.10


@pytest.mark.parametrize("scatter", [0.005, 0.01, 0.03])
def test_two_stages_cover_what_they_say(scatter):
    random = np.random.default_rng(5)
    held, total = 0, 2000
    for _ in range(total):
        pilot = random.normal(0.1, scatter, 5)
        count = blocks_for_width(float(pilot.std(ddof=1)), 5, 0.02, 0.95)
        rest = random.normal(0.1, scatter, count - 5)
        blocks = dict(enumerate([[value] for value in [*pilot, *rest]]))
        low, high = estimate(blocks, Stopping("width", 5)).interval(0.95)
        assert (high - low) / 2 <= math.log(1.02) + 1e-12
        held += low <= 0.1 <= high
    assert abs(held / total - 0.95) < 3 * math.sqrt(0.95 * 0.05 / total)


def test_without_a_rule_all_blocks_tell_of_the_scatter():
    blocks = {0: [0.1, 0.2, 0.3], 1: [0.3], 2: [0.4]}
    assert estimate(blocks).interval(0.95) == Student(np.array([0.2, 0.3, 0.4]), 3).interval(0.95)
    assert estimate({0: [0.1]}) is None
    assert estimate({0: [0.1], 7: [0.2]}, Stopping("width", 5)) is None, "one block of the pilot"
    assert isinstance(estimate(blocks, Stopping("verdict")), Anytime)
