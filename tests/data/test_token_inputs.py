"""Data sets whose inputs are tokens: what a plugin may offer, and which model takes it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import benchbench as bb
from benchbench.data import splits, synthetic
from benchbench.data.targets import TargetKind, kind_of, misfit
from benchbench.errors import DataError
from benchbench.spec.task import task_of

TOKENS = bb.ModelSpec(
    "text", (6,), (bb.Embedding(11, 4), bb.GRU(3), bb.Dense(2, "softmax")), "int32"
)
VALUES = bb.ModelSpec("values", (6,), (bb.Dense(2, "softmax"),))


@pytest.fixture
def dataset():
    inputs = np.random.default_rng(0).integers(0, 11, (20, 6), np.int32)
    split = bb.Split(inputs, np.arange(20) % 2)
    return bb.Dataset("words", split, split, split, 2, "d" * 64, "here", tokens=11)


def test_tokens_are_a_sound_data_set(dataset):
    splits.check(dataset)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.astype(np.int64), r"or tokens, int32 \(n, steps\).* int64"),
        (lambda x: x.reshape(20, 6, 1), "int32"),
        (lambda x: x - 1, "expected tokens from 0 to 10"),
        (lambda x: x + 1, "expected tokens from 0 to 10"),
        (lambda x: x[:, :5].copy(), "all of one shape"),
    ],
)
def test_what_is_no_token_is_refused(dataset, change, message):
    unfit = bb.Split(change(dataset.test.inputs), dataset.test.targets)
    with pytest.raises(DataError, match=message):
        splits.check(dataclasses.replace(dataset, test=unfit))


def told(model, tokens, shape=(6,)):
    task = task_of(model, bb.TrainingProtocol())
    return misfit(model, task, shape, TargetKind((), classes=2), "words", tokens=tokens)


@pytest.mark.parametrize(
    ("model", "tokens", "words"),
    [
        (TOKENS, 12, "knows 11 tokens, but 'words' has 12: write vocabulary = 12"),
        (
            TOKENS,
            None,
            "takes tokens, but the inputs of 'words' are values of shape (6,): take a text",
        ),
        (
            VALUES,
            11,
            'write input_type = "int32" and begin the model with an Embedding of 11 tokens',
        ),
    ],
)
def test_a_model_that_does_not_take_the_inputs_is_told_with_the_cure(model, tokens, words):
    assert words in told(model, tokens)


def test_a_model_takes_what_fits():
    assert told(TOKENS, 11) is None
    assert told(TOKENS, 3) is None
    assert told(VALUES, None) is None
    assert told(TOKENS, None, shape=None) is None, "what nobody has looked at fits"


def test_synthetic_tokens_fit_their_model():
    dataset = synthetic.load(TOKENS)
    splits.check(dataset)
    task = task_of(TOKENS, bb.TrainingProtocol())
    assert not misfit(TOKENS, task, (6,), kind_of(dataset), "synthetic", tokens=dataset.tokens)
