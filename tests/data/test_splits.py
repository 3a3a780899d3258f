"""Splits: what quick takes, and what a plugin's data set is held to."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from benchbench.data import container, splits
from benchbench.data.dataset import Dataset, Split
from benchbench.errors import DataError


@pytest.fixture
def dataset(arrays) -> Dataset:
    content = container.Content(arrays(), {part: part for part in container.PARTS})
    return splits.split(content, name="noise", validation_count=12, source="here")


def test_validation_is_the_last_of_training(dataset, arrays):
    raw = arrays()
    assert (dataset.train.targets == raw["train-labels"][:48]).all()
    assert (dataset.validation.targets == raw["train-labels"][48:]).all()
    expected = raw["train-images"][48:, ..., np.newaxis].astype(np.float32) / np.float32(255)
    assert (dataset.validation.inputs == expected).all()


def test_coloured_images_keep_their_channels(arrays):
    content = container.Content(arrays(shape=(5, 7, 3)), dict.fromkeys(container.PARTS, ""))
    dataset = splits.split(content, name="x", validation_count=12, source="here")
    assert dataset.train.inputs.shape == (48, 5, 7, 3)
    assert splits.image_shape(content) == (5, 7, 3)


def test_quick_is_the_first_tenth_under_a_hash_of_its_own(dataset):
    quick = splits.quick(dataset, "noise-quick")
    assert (len(quick.train), len(quick.validation), len(quick.test)) == (4, 1, 2)
    assert (quick.train.inputs == dataset.train.inputs[:4]).all()
    assert not np.shares_memory(quick.train.inputs, dataset.train.inputs)
    assert not quick.train.inputs.flags.writeable
    expected = hashlib.sha256(f"first tenth of {dataset.sha256}\n".encode()).hexdigest()
    assert quick.sha256 == expected


def test_a_sound_data_set_passes(dataset):
    splits.check(dataset)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: Split(s.inputs.astype(np.float64), s.targets), "float64"),
        (lambda s: Split(s.inputs[..., 0], s.targets), "differ in shape"),
        (lambda s: Split(s.inputs[:, :, ::-1], s.targets), "C-contiguous"),
        (lambda s: Split(s.inputs * 255, s.targets), r"values in \[0, 1\]"),
        (lambda s: Split(np.full_like(s.inputs, np.nan), s.targets), "all finite"),
        (lambda s: Split(s.inputs[:0], s.targets[:0]), "expected some"),
        (lambda s: Split(s.inputs[:, :9].copy(), s.targets), "differ in shape"),
        (lambda s: Split(s.inputs, s.targets.astype(np.int32)), "int64"),
        (lambda s: Split(s.inputs, s.targets[:-1]), "one for each of"),
        (lambda s: Split(s.inputs, s.targets + 1), "expected classes from 0 to 9"),
        (lambda s: Split(s.inputs, s.targets - 1), "expected classes from 0 to 9"),
    ],
)
def test_an_unfit_plugin_s_data_set_is_refused(change, message, dataset):
    unfit = dataclasses.replace(dataset, test=change(dataset.test))
    with pytest.raises(DataError, match=f"'noise' is unfit: test .*{message}"):
        splits.check(unfit)


@pytest.mark.parametrize(
    ("inputs", "tokens", "message"),
    [
        (np.ones((6, 4), np.int32), 5, None),
        (np.ones((6, 4), np.int32), None, "expected `tokens`, how many there are"),
        (np.ones((6, 4), np.int32), 1, "expected tokens from 0 to 0"),
        (np.ones((6, 4, 2), np.int32), 5, r"tokens \(n, steps\), but they are \(6, 4, 2\)"),
        (
            np.ones((6, 4), np.int64),
            5,
            r"int32 \(n, steps\), all of one shape, but .*int64",
        ),
    ],
)
def test_tokens_of_a_plugin_are_held_to_their_number(inputs, tokens, message):
    split = Split(inputs, np.arange(6) % 2)
    dataset = Dataset("theirs", split, split, split, 2, "0" * 64, "a plugin", tokens=tokens)
    if message is None:
        splits.check(dataset)
    else:
        with pytest.raises(DataError, match=message):
            splits.check(dataset)
