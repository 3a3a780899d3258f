"""The images of a certification: what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench import ModelSpec
from benchbench.data.samples import make_split
from benchbench.spec.catalog import MODELS
from benchbench.spec.layers import Dense, Flatten


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
