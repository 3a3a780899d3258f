"""The images of a certification: what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench import ModelSpec
from benchbench.data.samples import make_split
from benchbench.spec.catalog import MODELS
from benchbench.spec.layers import Dense, Embedding, Flatten


def test_images_are_what_a_split_promises():
    split = make_split(MODELS["deeper-cnn"], 50, seed=3)
    assert split.inputs.shape == (50, 28, 28, 1)
    assert (split.inputs.dtype, split.targets.dtype) == (np.float32, np.int64)
    assert split.inputs.min() == 0
    assert 0.5 < split.inputs.max() <= 1
    assert set(split.targets) <= set(range(10))
    assert not split.inputs.flags.writeable
    assert not split.targets.flags.writeable


def test_borders_are_dark_and_some_pixels_faint():
    images = make_split(MODELS["deeper-cnn"], 50, seed=3).inputs
    assert not images[:, 0].any()
    assert not images[:, :, -1].any()
    assert ((images > 0) & (images < 0.02)).any()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_images_too_small_for_a_border_are_not_dark(size):
    model = ModelSpec("small", (size, size, 1), (Flatten(), Dense(3, "softmax")))
    images = make_split(model, 50, seed=0).inputs
    assert images.any(axis=(1, 2, 3)).mean() > 0.9


def tokens(steps, vocabulary, *layers, classes=5):
    layers = (Embedding(vocabulary, 3), *layers, Dense(classes, "softmax"))
    return ModelSpec("tokens", (steps,), layers, "int32")


def test_tokens_are_what_a_split_promises():
    split = make_split(tokens(7, 40, Flatten()), 200, seed=3)
    assert split.inputs.shape == (200, 7)
    assert (split.inputs.dtype, split.targets.dtype) == (np.int32, np.int64)
    assert split.inputs.min() == 0
    assert 30 < split.inputs.max() < 40
    assert split.inputs.flags.c_contiguous
    assert not split.inputs.flags.writeable


def test_a_token_of_a_text_has_a_target_at_each_place():
    split = make_split(tokens(7, 40), 20, seed=3)
    assert split.targets.shape == (20, 7)
    assert set(split.targets.ravel()) == set(range(5))


@pytest.mark.parametrize(("steps", "vocabulary"), [(2, 2), (2, 10**6), (5, 30), (3, 1)])
def test_every_sample_has_a_token_twice(steps, vocabulary):
    split = make_split(tokens(steps, vocabulary, Flatten()), 50, seed=0)
    assert all(len(set(sample)) < steps for sample in split.inputs.tolist())


def test_one_step_and_one_token_are_drawn_too():
    assert make_split(tokens(1, 1, Flatten()), 4, seed=0).inputs.tolist() == [[0]] * 4


def test_frequent_tokens_stand_in_most_batches_and_rare_ones_hardly():
    counts = np.bincount(make_split(tokens(8, 100, Flatten()), 500, seed=0).inputs.ravel())
    assert counts[:10].sum() / 10 > 5 * counts[50:].sum() / 50 > 0


def test_tokens_say_something_of_the_class():
    split = make_split(tokens(8, 100, Flatten()), 2000, seed=0)
    of_class = [split.inputs[split.targets == k, 0] for k in range(5)]
    commonest = [np.bincount(one).max() / len(one) for one in of_class]
    assert min(commonest) > 0.4
