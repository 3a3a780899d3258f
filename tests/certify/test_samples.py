"""The images of a certification: what they promise, and that no verdict hangs on a knife's edge."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench import ModelSpec, TrainingProtocol
from benchbench.certify.exercise import (
    TEN_STEPS,
    Exercise,
    Implementation,
    as_row,
    relative_difference,
)
from benchbench.certify.reference import REFERENCE
from benchbench.certify.samples import make_split
from benchbench.certify.tolerances import tolerances
from benchbench.plugins.registry import load_registry
from benchbench.spec.catalog import MODELS
from benchbench.spec.layers import Dense, Flatten


def test_images_are_what_a_split_promises():
    split = make_split(MODELS["deeper-cnn"], 50, seed=3)
    assert split.images.shape == (50, 28, 28, 1)
    assert (split.images.dtype, split.labels.dtype) == (np.float32, np.int64)
    assert split.images.min() == 0
    assert 0.5 < split.images.max() <= 1
    assert set(split.labels) <= set(range(10))
    assert not split.images.flags.writeable
    assert not split.labels.flags.writeable


def test_borders_are_dark_and_some_pixels_faint():
    images = make_split(MODELS["deeper-cnn"], 50, seed=3).images
    assert not images[:, 0].any()
    assert not images[:, :, -1].any()
    assert ((images > 0) & (images < 0.02)).any()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_images_too_small_for_a_border_are_not_dark(size):
    model = ModelSpec("small", (size, size, 1), (Flatten(), Dense(3, "softmax")))
    images = make_split(model, 50, seed=0).images
    assert images.any(axis=(1, 2, 3)).mean() > 0.9


@pytest.mark.parametrize("name", ["two-layer", "deeper-cnn"])
def test_a_nudge_of_float32_size_moves_no_update_far(name):
    """Else two right implementations could part."""
    exercise = Exercise(MODELS[name], TrainingProtocol())
    reference = Implementation(load_registry().backend(REFERENCE).create())
    random = np.random.default_rng(0)
    start = exercise.fresh
    nudged = [array * (1 + random.choice([-6e-8, 6e-8], array.shape)) for array in start]
    updates = [
        as_row(reference.train(exercise, weights, TEN_STEPS).parameters()) - as_row(weights)
        for weights in (start, nudged)
    ]
    tolerance = tolerances()["update after 10 steps"].tolerance
    assert 0 < relative_difference(updates[1], updates[0]) < tolerance / 5
