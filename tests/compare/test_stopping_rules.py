"""Sessions that add blocks keep their promises: `studies/stopping.py` of fixed seed, smaller."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest


@pytest.fixture(scope="module")
def study():
    return importlib.import_module("stopping")


@pytest.fixture
def blocks(study):
    """Give blocks of the noise that varies processes and epochs, heavy-tailed."""
    noise = importlib.import_module("simulation").STUDIED["both"]
    return study.Blocks(noise, 11, np.random.default_rng(4), pool=4000)


def error(rate, count):
    """Return three standard errors of a rate."""
    return 3 * math.sqrt(rate * (1 - rate) / count)


@pytest.mark.parametrize("scatter", [0.005, 0.015, 0.03])
def test_the_interval_of_a_width_holds_the_truth_as_often_as_it_says(study, blocks, scatter):
    sessions = 600
    ends = study.many(blocks, study.until_width, (scatter, [0.05]), sessions, most=600)
    held = np.mean([one.held for one in ends])
    assert abs(held - 0.95) < error(0.95, sessions)


def test_to_stop_at_a_width_that_is_seen_does_not(study, blocks):
    """The rule of before: what it costs is why there is a pilot."""
    ends = study.many(blocks, study.until_narrow, (0.03, [0.05]), 600, most=600)
    assert np.mean([one.held for one in ends]) < 0.95 - error(0.95, 600)


@pytest.mark.parametrize("scatter", [0.01, 0.03])
def test_at_the_margin_a_verdict_is_seldom_given_over_all_looks(study, blocks, scatter):
    sessions = 150
    truth = scatter, [study.MARGIN]
    ends = study.many(blocks, study.until_verdict, truth, sessions, most=30)
    assert study.share(ends, "SLOWER") <= 0.025 + error(0.025, sessions)
    assert study.share(ends, "SAME") <= 0.05 + error(0.05, sessions)
    assert np.mean([one.held for one in ends]) >= 0.95


def test_a_difference_of_1_4_times_ends_after_three_or_four_blocks(study, blocks):
    for scatter in (0.005, 0.03):
        ends = study.many(blocks, study.until_verdict, (scatter, [math.log(1.4)]), 100)
        assert study.share(ends, "SLOWER") == 1
        assert np.mean([one.blocks for one in ends]) < 3.5
    ends = study.many(blocks, study.until_verdict, (0.03, [math.log(1.4)] * study.TABLE), 20)
    assert np.mean([one.blocks for one in ends]) < 4.7, "in a table of eight"


def test_a_table_of_eight_is_held_as_a_whole_over_all_looks(study, blocks):
    truth = 0.02, [study.MARGIN] * study.TABLE
    ends = study.many(blocks, study.until_verdict, truth, 40, most=15)
    assert study.share(ends, "SLOWER") <= 0.05
    assert study.share(ends, "SAME") <= 0.05 + error(0.05, 40)


def test_five_blocks_at_the_margin_are_called_wrong_in_either_family(study, blocks):
    """The two families of claims together: 2.5 % and 5 %, as the docs say."""
    ends = study.many(blocks, study.fixed, (0.015, [study.MARGIN]), 800, most=5)
    assert abs(study.share(ends, "SLOWER", "SAME") - 0.075) < error(0.075, 800)


def test_a_long_epoch_holds_bursts_that_the_median_of_short_ones_passes_over():
    lines = importlib.import_module("estimand").bursts(8, np.random.default_rng(1))
    row = next(line for line in lines if line.startswith("| 10 %"))
    short, _, long = (float(cell.strip(" +%")) for cell in row.split("|")[2:5])
    assert short < 0.5
    assert 2.5 < long < 5.5
