"""Losses against a band: the interval by its formula, what is judged, what is said."""

from __future__ import annotations

import math

import pytest
from makers import make_record
from scipy import stats

from benchbench.certify.bands import Band, LogLosses
from benchbench.certify.loss_bands import look_count, losses_of, stray_losses, told

BAND = Band(
    *("m", "d", "spec", "data"),
    mean=0.9,
    sd=0.01,
    n=30,
    backends=("torch",),
    training_loss=LogLosses((0.0, -1.0), (0.01, 0.02)),
    validation_loss=LogLosses((-0.5, -1.2), (0.03, 0.04)),
    test_loss=LogLosses((-1.25,), (0.05,)),
)
RIGHT = {
    "training loss of epoch 1": math.exp(0.0),
    "training loss of epoch 2": math.exp(-1.0),
    "validation loss of epoch 1": math.exp(-0.5),
    "validation loss of epoch 2": math.exp(-1.2),
    "test loss": math.exp(-1.25),
}


def width(runs):
    """The half-width in standard deviations, by scipy's own quantile and the formula."""
    rate = 2 * stats.norm.sf(5) / look_count(BAND)
    return stats.t.isf(rate / 2, BAND.n - 1) * math.sqrt(1 / runs + 1 / BAND.n)


def moved(what, sds, factor=1.0):
    return {**RIGHT, what: RIGHT[what] * math.exp(factor * sds)}


@pytest.mark.parametrize("what", RIGHT)
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("runs", [1, 5])
def test_the_limits_are_where_the_formula_has_them(what, side, runs):
    sd = {"training loss of epoch 1": 0.01, "training loss of epoch 2": 0.02}.get(what)
    sd = sd or {"validation loss of epoch 1": 0.03, "validation loss of epoch 2": 0.04}.get(what)
    edge = side * width(runs) * (sd or 0.05)
    assert stray_losses(BAND, [moved(what, 0.999 * edge)] * runs) == []
    (stray,) = stray_losses(BAND, [moved(what, 1.001 * edge)] * runs)
    assert stray.what == what
    assert stray.usual == pytest.approx(RIGHT[what])


def test_the_mean_over_blocks_is_judged_more_narrowly_than_a_run():
    four_sds = moved("training loss of epoch 2", 4 * 0.02)
    assert stray_losses(BAND, [four_sds]) == []
    (stray,) = stray_losses(BAND, [four_sds] * 5)
    assert stray.loss == pytest.approx(math.exp(-1.0 + 4 * 0.02))


def test_losses_that_go_apart_and_meet_in_the_middle_are_right_in_the_mean():
    apart = [moved("test loss", 0.3), moved("test loss", -0.3)]
    assert stray_losses(BAND, apart) == []


def test_what_is_not_stated_and_later_epochs_are_not_judged():
    assert stray_losses(BAND, [{"test loss": RIGHT["test loss"]}]) == []
    assert stray_losses(BAND, [{**RIGHT, "training loss of epoch 3": 99.0}]) == []


@pytest.mark.parametrize("loss", [0.0, -1e-4])
def test_a_loss_of_zero_is_outside(loss):
    (stray,) = stray_losses(BAND, [{**RIGHT, "test loss": loss}])
    assert stray.distance == math.inf


def test_the_message_has_epoch_claim_range_and_seeds():
    run = moved("training loss of epoch 2", 1.0)
    run["validation loss of epoch 2"] *= 5
    expected, found = told(stray_losses(BAND, [run]), BAND)
    assert expected == "training loss of epoch 2 from 0.3192 to 0.4239 (30 seeds: 0.3679)"
    assert found == "1; outside as well: validation loss of epoch 2"


def test_a_band_without_losses_judges_none():
    bare = Band("m", "d", "spec", "data", mean=0.9, sd=0.01, n=10, backends=("torch",))
    assert look_count(bare) == 0
    assert stray_losses(bare, [RIGHT]) == []


def test_the_losses_of_a_record_are_named_by_epoch():
    run = make_record(train_seconds=(1.0, 1.0))
    assert losses_of(run.epochs, run.test.loss) == {
        "test loss": 0.05,
        **{f"{kind} loss of epoch {n}": 0.1 for kind in ("training", "validation") for n in (1, 2)},
    }
