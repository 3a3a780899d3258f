"""A deviation that a plugin declares is excused where it is as large as said, nowhere else."""

from __future__ import annotations

import pytest
from benchbench_numpy.trainer import NumpyTrainer
from faulty.climbing import broken, climb

from benchbench import Deviation, Score
from benchbench.certify.exercise import SATURATED, STARTS


class Clamps(NumpyTrainer):
    """Takes half a nat off a loss of more than 3: at large weights."""

    def evaluate(self, split):
        score = super().evaluate(split)
        return Score(score.loss - 0.5 * (score.loss > 3), score.metric)


def declared(rung, least, most, start=SATURATED):
    return Deviation(rung, start, least, most, "it is clamped")


@pytest.fixture
def off():
    """Give the relative difference that `Clamps` makes at large weights."""
    found = broken(climb(Clamps))
    assert found.name == "loss"
    return found.differences[SATURATED]


def test_a_declared_deviation_that_is_there_deviates(off):
    loss, evaluation = (declared(rung, off / 2, 2 * off) for rung in ("loss", "evaluation"))
    rungs = climb(Clamps, loss, evaluation)
    assert {name for name, rung in rungs.items() if rung.verdict == "deviates"} == {
        "loss",
        "evaluation",
    }
    assert {rung.verdict for rung in rungs.values()} == {"holds", "deviates"}
    assert rungs["loss"].explanation == f"from {SATURATED} weights: declared: it is clamped"
    assert rungs["loss"].differences[SATURATED] == off


@pytest.mark.parametrize(("least", "most"), [(0.1, 0.5), (1.5, 3)], ids=["larger", "smaller"])
def test_one_that_is_larger_or_smaller_than_declared_breaks(off, least, most):
    found = broken(climb(Clamps, declared("loss", least * off, most * off)))
    assert found.name == "loss"
    assert "the plugin declares a deviation of" in found.explanation
    assert "it is clamped" in found.explanation


def test_one_that_is_not_there_breaks(off):
    found = broken(climb(NumpyTrainer, declared("loss", off / 2, 2 * off)))
    assert found.name == "loss"
    assert f"{found.differences[SATURATED]:.1e}" in found.explanation


def test_one_that_is_declared_elsewhere_excuses_nothing(off):
    there = declared("loss", off / 2, 2 * off)
    assert broken(climb(Clamps, there)).name == "evaluation"
    elsewhere = declared("loss", 0, 2 * off, start=STARTS[0])
    assert broken(climb(Clamps, elsewhere)).explanation.startswith(
        f"from {SATURATED} weights: loss"
    )
