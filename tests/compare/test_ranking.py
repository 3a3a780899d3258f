"""Which of several cells trains fastest, and which cannot be told from it."""

from __future__ import annotations

import pytest

from benchbench.compare.contrast import CellName, Contrast, Ratio
from benchbench.compare.ranking import rank

BASELINE = CellName("keras", "idiomatic")


def contrast(backend, ratio, low=None, high=None, verdict="FASTER"):
    steady = ratio and Ratio(ratio=ratio, low=low, high=high, block_count=3, pair_count=9)
    return Contrast(
        model="lenet-5",
        cell=CellName(backend, "idiomatic"),
        baseline=BASELINE,
        steady=steady or None,
        first_epoch=None,
        cold_total=None,
        verdict=verdict,
    )


def test_the_fastest_is_the_first_that_is_shown_to_be_faster_than_the_baseline():
    unsure = contrast("numpy", 0.3, 0.05, 1.8, "UNDECIDED")
    unknown = contrast("sklearn", None, verdict="UNDECIDED")
    torch, jax = contrast("torch", 0.5, 0.48, 0.52), contrast("jax", 0.6, 0.58, 0.62)
    ranking = rank([unknown, jax, torch, unsure])
    assert ranking.contrasts == (unsure, torch, jax, unknown)
    assert ranking.fastest is torch
    assert ranking.not_told_apart == (unsure,), "its interval holds that of the fastest"


@pytest.mark.parametrize(
    ("low", "high", "apart"),
    [(0.52, 0.62, False), (0.521, 0.62, True), (0.4, 0.9, False), (None, None, True)],
)
def test_intervals_that_touch_do_not_tell_two_cells_apart(low, high, apart):
    torch, jax = contrast("torch", 0.5, 0.48, 0.52), contrast("jax", 0.6, low, high)
    assert rank([torch, jax]).not_told_apart == (() if apart else (jax,))


def test_without_a_cell_that_is_faster_there_is_no_fastest():
    jax, torch = contrast("jax", 1.2, verdict="SLOWER"), contrast("torch", 1.0, verdict="SAME")
    ranking = rank([jax, torch])
    assert [one.cell.backend for one in ranking.contrasts] == ["torch", "jax"]
    assert ranking.fastest is None
    assert ranking.not_told_apart == ()


def test_the_inverse_ratio_turns_its_interval_round():
    inverse = Ratio(ratio=0.5, low=0.4, high=0.8, block_count=3, pair_count=9).inverse
    assert (inverse.ratio, inverse.low, inverse.high) == (2, 1.25, 2.5)
    assert Ratio(ratio=4, block_count=1, pair_count=2).inverse.low is None
