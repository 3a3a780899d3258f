"""Verdicts: each can be given, none without cause, and a table of many is held as a whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchbench.compare.contrast import Question, contrast
from benchbench.compare.verdicts import blocks_to_settle, holm, judge

QUESTION = Question()


@pytest.fixture
def weigh(make_runs):
    """Judge cells whose blocks' log-ratios to the baseline are as given, all in one table."""

    def _weigh(*rows, question=QUESTION):
        contrasts = [
            contrast(
                make_runs("a", [(1, math.exp(value)) for value in row]),
                make_runs("b", [(1, 1)] * len(row)),
                question,
            )
            for row in rows
        ]
        return judge(contrasts, question)

    return _weigh


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        ((0.20, 0.21, 0.19), "SLOWER"),
        ((-0.20, -0.21, -0.19), "FASTER"),
        ((0.001, -0.001, 0.002, 0.0), "SAME"),
        ((0.10, -0.10, 0.2), "UNDECIDED"),
        ((0.03, 0.031, 0.029), "UNDECIDED"),
        ((0.2,), "EXPLORATORY"),
    ],
)
def test_each_verdict_where_it_belongs(weigh, logs, verdict):
    (found,) = weigh(logs)
    assert found.verdict == verdict
    assert found.reason


def test_the_margin_decides_what_counts_as_the_same(weigh):
    logs = (0.05, 0.051, 0.049, 0.05)
    assert weigh(logs)[0].verdict == "SLOWER"
    assert weigh(logs, question=Question(margin=0.10))[0].verdict == "SAME"


def test_a_difference_within_the_margin_is_no_difference(weigh):
    (found,) = weigh((0.0200, 0.0201, 0.0199, 0.0200))
    assert found.verdict == "SAME"


def test_undecided_names_the_blocks_that_would_settle_it(weigh):
    (found,) = weigh((0.02, 0.12, 0.08))
    assert found.verdict == "UNDECIDED"
    assert found.blocks_needed > 3
    assert f"about {found.blocks_needed} blocks" in found.reason
    (at_the_margin,) = weigh((0.0295, 0.0297, 0.08, -0.02))
    assert at_the_margin.blocks_needed is None
    assert "more than 100 blocks" in at_the_margin.reason


def test_what_settles_a_row_alone_may_not_settle_it_among_many(weigh):
    logs = (0.10, 0.14, 0.06, 0.12)
    assert weigh(logs)[0].verdict == "SLOWER"
    among_many = weigh(logs, *[(0.03, -0.05, 0.06, 0.0)] * 9)
    assert among_many[0].verdict == "UNDECIDED"
    assert "chance among 10 comparisons (Holm correction)" in among_many[0].reason


def test_holm_by_hand():
    # Holm 1979: sorted 0.01, 0.02, 0.03, 0.9 by 4, 3, 2, 1, never falling, at most 1.
    assert holm([0.03, 0.9, 0.01, 0.02]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("truth", "verdict"), [(0.10, "SLOWER"), (0.0, "SAME")])
def test_the_blocks_named_settle_it_in_four_cases_of_five(weigh, truth, verdict, exhaustive):
    draws = 400 if exhaustive else 60
    scatter = 0.04
    count = blocks_to_settle(truth, scatter, 1, QUESTION)
    random = np.random.default_rng(7)
    found = [
        weigh(tuple(random.normal(truth, scatter, count)))[0].verdict == verdict
        for _ in range(draws)
    ]
    assert 0.74 < np.mean(found) < 0.95
    fewer = [
        weigh(tuple(random.normal(truth, scatter, count // 2)))[0].verdict == verdict
        for _ in range(draws)
    ]
    assert np.mean(fewer) < 0.74
