"""What a worker makes of losses: recounted from predictions, and held to the band."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from benchbench import Dense, Flatten, ModelSpec, Score
from benchbench.certify.bands import Band, LogLosses
from benchbench.data.dataset import Dataset, Split
from benchbench.records import DatasetChoice, EpochRecord
from benchbench.run import loss_checks
from benchbench.run.plan import Cell, Session
from benchbench.spec.protocol import TrainingProtocol

MODEL = ModelSpec("tiny", (2, 2, 1), (Flatten(), Dense(4, "softmax")))
CLAIMED = math.log(4)


def split_of(count):
    return Split(np.zeros((count, 2, 2, 1), np.float32), np.arange(count, dtype=np.int64) % 4)


DATA = Dataset("tiny", split_of(40), split_of(12), split_of(8), 4, "d" * 64, "nowhere")


def guess(inputs):
    """Predict each of the four classes with the same probability: a loss of log 4."""
    return np.full((len(inputs), 4), 0.25, np.float32)


def checked(*, test=CLAIMED, validation=CLAIMED, training=CLAIMED, predict=guess, epochs=3):
    """Return both checks of a run of three epochs that claims these losses."""
    session = Session(
        cells=(Cell("null", "idiomatic", MODEL),),
        protocol=TrainingProtocol(epochs=3),
        dataset=DatasetChoice("tiny"),
        device="cpu",
        threads=1,
        cpus=None,
        seed=0,
    )
    ((run,),) = (group.runs for group in session.block(0))
    one = EpochRecord(1.0, 0.1, None, training, CLAIMED, 0.25)
    last = msgspec.structs.replace(one, validation_loss=validation)
    return loss_checks.check_losses(
        request=run.request,
        dataset=DATA,
        # Epochs beyond the protocol's are no part of the claim.
        epochs=[one, one, last, *[one] * (epochs - 3)],
        score=Score(test, 0.25),
        predictions=predict(DATA.test.inputs),
        predict=predict,
    )


@pytest.fixture
def band(monkeypatch):
    """Have a band of ten seeds with a standard deviation of 1 %."""
    three = LogLosses((math.log(CLAIMED),) * 3, (0.01,) * 3)
    made = Band(
        *("tiny", "tiny", "spec", "data"),
        mean=0.25,
        sd=0.01,
        n=10,
        backends=("torch",),
        training_loss=three,
        validation_loss=three,
        test_loss=LogLosses(three.mean[:1], three.sd[:1]),
    )
    monkeypatch.setattr(loss_checks, "find_band", lambda *_: made)


def test_honest_losses_are_recounted_and_there_is_no_band():
    recounted, losses = checked()
    assert recounted.passed is True
    assert losses.passed is None
    assert "no band" in losses.observed


@pytest.mark.parametrize("claim", ["test", "validation"])
@pytest.mark.parametrize("factor", [0.99, 1.01, 0.5])
def test_a_claim_that_predictions_do_not_bear_out_fails(claim, factor):
    recounted, _ = checked(**{claim: factor * CLAIMED})
    assert recounted.passed is False
    assert "1.386, as `predict` has it" in recounted.expected
    assert f"{factor * CLAIMED:.4g}" in recounted.observed


def test_the_validation_loss_is_that_of_the_protocols_last_epoch():
    assert checked(validation=1.0)[0].passed is False
    assert checked(validation=1.0, epochs=5)[0].passed is False
    assert checked(epochs=5)[0].passed is True


@pytest.mark.parametrize("predict", [lambda inputs: None, lambda inputs: guess(inputs)[:-1]])
def test_without_predictions_there_is_nothing_to_recount(predict):
    recounted, _ = checked(predict=predict)
    assert (recounted.passed, recounted.observed) == (None, "there is nothing to recount")


def test_predictions_that_are_no_numbers_are_for_another_check():
    recounted, _ = checked(predict=lambda inputs: np.full((len(inputs), 4), np.nan, np.float32))
    assert recounted.passed is None


def test_losses_within_the_band_pass(band):
    _, losses = checked()
    assert (losses.passed, losses.observed) == (True, "all 7 are")
    assert "10 seeds" in losses.expected


@pytest.mark.parametrize("claim", ["test", "validation", "training"])
@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_loss_outside_is_told_with_epoch_claim_range_and_seeds(band, claim, factor):
    _, losses = checked(**{claim: factor * CLAIMED})
    assert losses.passed is False
    assert "10 seeds: 1.386" in losses.expected
    assert f"{factor * CLAIMED:.4g}" in losses.observed
    place = {"test": "test loss", "validation": "validation loss of epoch 3"}
    assert place.get(claim, "training loss of epoch") in losses.expected
