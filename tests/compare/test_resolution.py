"""What a self-test makes of its comparisons, against simulation and tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchbench.compare.contrast import Question, contrast
from benchbench.compare.resolution import power, rate_bound, resolve, smallest_slowdown
from benchbench.compare.verdicts import judge
from benchbench.errors import UsageError

QUESTION = Question()


@pytest.fixture
def compared(make_runs):
    """Judge one comparison whose blocks' log-ratios are as given."""

    def _compared(logs):
        own = make_runs("a", [(1, math.exp(value)) for value in logs])
        return judge([contrast(own, make_runs("b", [(1, 1)] * len(logs)), QUESTION)], QUESTION)[0]

    return _compared


@pytest.mark.parametrize(("effect", "blocks"), [(0.10, 5), (0.06, 5), (0.08, 3)])
def test_the_power_is_what_simulation_finds(compared, effect, blocks, exhaustive):
    draws = 600 if exhaustive else 150
    random = np.random.default_rng(3)
    logs = random.normal(effect, 0.03, (draws, blocks))
    found = [compared(tuple(one)).verdict == "SLOWER" for one in logs]
    expected = power(effect, 0.03, blocks, QUESTION)
    assert np.mean(found) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / draws))


def test_the_smallest_slowdown_is_found_in_four_cases_of_five():
    for scatter, blocks in ((0.03, 5), (0.1, 3), (0.01, 10)):
        least = smallest_slowdown(scatter, blocks, QUESTION)
        assert power(math.log1p(least), scatter, blocks, QUESTION) == pytest.approx(0.8, abs=0.01)
    assert smallest_slowdown(0.0, 5, QUESTION) == pytest.approx(0.03)


def test_the_bound_of_a_rate_by_hand():
    # None of 20: 1 - 0.05^(1/20). Clopper and Pearson.
    assert rate_bound(0, 20) == pytest.approx(1 - 0.05 ** (1 / 20))
    assert rate_bound(20, 20) == 1


def test_verdicts_are_counted_and_scatter_is_pooled(compared):
    same = [compared((0.0, 0.001, -0.001)), compared((0.2, 0.21, 0.19))]
    slowed = [compared((0.10, 0.11, 0.09))]
    found = resolve({0.0: same, 0.1: slowed}, 3, QUESTION)
    assert (found.false_alarms, found.null_count) == (1, 2)
    assert found.trials[1].verdicts["SLOWER"] == 1
    assert found.scatter == pytest.approx(math.sqrt((0.001**2 + 2 * 0.01**2) / 3))
    assert found.sentence.startswith("the minimum detectable slowdown on this machine now is ")
    assert found.sentence.endswith("%, with 3 blocks")


def test_one_block_tells_nothing(compared):
    with pytest.raises(UsageError, match="two blocks"):
        resolve({0.0: [compared((0.0,))]}, 1, QUESTION)
