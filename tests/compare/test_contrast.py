"""Paired ratios: what is paired, what is left out, and what no trick of labels may change."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.compare.contrast import Question, contrast
from benchbench.compare.verdicts import judge
from benchbench.errors import UsageError

QUESTION = Question()
seconds = st.floats(0.05, 50)
epochs = st.lists(seconds, min_size=2, max_size=6)


@st.composite
def two_sides(draw):
    """Two cells of the same blocks, of two to five epochs and more."""
    count = draw(st.integers(2, 5))
    return tuple(draw(st.lists(epochs, min_size=count, max_size=count)) for _ in range(2))


def weigh(own, baseline, question=QUESTION):
    (judged,) = judge([contrast(own, baseline, question)], question)
    return judged


def test_the_ratio_is_of_epochs_that_stood_side_by_side(make_runs):
    # Drift by a factor of ten between epochs, the same for both: the ratio is 1.25 throughout.
    drift = ((9, 1, 10, 2), (9, 7, 1, 5), (9, 2, 2, 8))
    slow = [[1.25 * value for value in block] for block in drift]
    found = contrast(make_runs("a", slow), make_runs("b", drift), QUESTION)
    assert found.steady.ratio == pytest.approx(1.25)
    assert (found.steady.low, found.steady.high) == pytest.approx((1.25, 1.25))
    assert (found.steady.block_count, found.steady.pair_count) == (3, 9)
    assert found.first_epoch.ratio == pytest.approx(1.25)


def test_the_first_epoch_is_no_steady_one(make_runs):
    found = contrast(
        make_runs("a", [(50, 1, 1), (60, 1, 1)]), make_runs("b", [(1, 1, 1)] * 2), QUESTION
    )
    assert found.steady.ratio == 1
    assert found.first_epoch.ratio == pytest.approx(math.sqrt(50 * 60))


def test_the_interval_is_students(make_runs):
    # log-ratios 0.1, 0.2, 0.3: mean 0.2, sd 0.1; t(0.975, 2) = 4.302653 (tables).
    own = make_runs("a", [(1, math.exp(value)) for value in (0.1, 0.2, 0.3)])
    found = contrast(own, make_runs("b", [(1, 1)] * 3), QUESTION).steady
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((math.exp(0.2 - half), math.exp(0.2 + half)))
    assert found.half_width == pytest.approx(math.exp(half) - 1)


@settings(max_examples=60)
@given(two_sides())
def test_swapping_the_sides_inverts_the_ratio_and_the_verdict(make_runs, sides):
    own, other = make_runs("a", sides[0]), make_runs("b", sides[1])
    there, back = weigh(own, other), weigh(other, own)
    assert there.steady.ratio == pytest.approx(1 / back.steady.ratio)
    assert there.steady.low == pytest.approx(1 / back.steady.high)
    inverse = {"FASTER": "SLOWER", "SLOWER": "FASTER"}
    assert there.verdict == inverse.get(back.verdict, back.verdict)


@settings(max_examples=60)
@given(two_sides(), st.floats(0.01, 100))
def test_a_machine_that_is_slower_throughout_changes_no_ratio(make_runs, sides, factor):
    scaled = [[[factor * value for value in block] for block in side] for side in sides]
    found = weigh(make_runs("a", sides[0]), make_runs("b", sides[1]))
    other = weigh(make_runs("a", scaled[0]), make_runs("b", scaled[1]))
    assert other.steady.ratio == pytest.approx(found.steady.ratio)
    assert other.steady.high == pytest.approx(found.steady.high)


@settings(max_examples=60)
@given(two_sides(), st.randoms(use_true_random=False))
def test_the_order_of_the_records_changes_nothing(make_runs, sides, order):
    own, other = make_runs("a", sides[0]), make_runs("b", sides[1])
    shuffled = [order.sample(runs, len(runs)) for runs in (own, other)]
    assert weigh(*shuffled) == weigh(own, other)


def test_unequal_numbers_of_epochs_pair_what_both_have(make_runs):
    found = contrast(
        make_runs("a", [(1, 2, 2, 2, 2)] * 2), make_runs("b", [(1, 1, 1)] * 2), QUESTION
    )
    assert found.steady.ratio == pytest.approx(2)
    assert found.steady.pair_count == 4


def test_a_run_that_failed_costs_its_block_and_no_other(make_runs):
    own = make_runs("a", [(1, 2)] * 3)
    own[1] = msgspec.structs.replace(own[1], status="crashed", epochs=())
    found = contrast(own, make_runs("b", [(1, 1)] * 3), QUESTION)
    assert (found.steady.ratio, found.steady.block_count) == (pytest.approx(2), 2)
    assert found.left_out == ("block 1: a idiomatic crashed: no reason was recorded",)


def test_a_missing_run_is_told(make_runs):
    found = contrast(make_runs("a", [(1, 2)] * 3), make_runs("b", [(1, 1)] * 2), QUESTION)
    assert found.steady.block_count == 2
    assert found.left_out == ("block 2: b idiomatic has no run",)


def test_runs_that_did_not_take_turns_are_no_pair(make_runs):
    own, other = make_runs("a", [(1, 2)] * 2, order_seed=1), make_runs("b", [(1, 1)] * 2)
    found = contrast(own, other, QUESTION)
    assert found.steady is None
    assert "were not interleaved" in found.left_out[0]
    assert weigh(own, other).verdict == "EXPLORATORY"


def test_one_block_has_a_ratio_and_no_interval(make_runs):
    found = weigh(make_runs("a", [(1, 2, 2)]), make_runs("b", [(1, 1, 1)]))
    assert found.steady.ratio == pytest.approx(2)
    assert (found.steady.low, found.steady.half_width) == (None, None)
    assert found.verdict == "EXPLORATORY"
    assert "--blocks" in found.reason


@pytest.mark.parametrize(
    "wrong", [{"margin": 0}, {"margin": 3}, {"margin": -0.1}, {"confidence": 1}, {"confidence": 0}]
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError, match="must be a fraction"):
        Question(**wrong)
