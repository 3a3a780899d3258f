"""The images of the suite: what they promise, and that no test of it hangs on a knife's edge."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.spec.catalog import MODELS
from benchbench.testing.cases import make_split
from benchbench.testing.observer import RecordingObserver
from benchbench.testing.subject import Reference, as_row, first_weights, relative_difference
from benchbench.testing.training import IN_ORDER, SAMPLES, UPDATE_TOLERANCE, _splits


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


@pytest.mark.parametrize("draw", range(3))
@pytest.mark.parametrize("name", ["two-layer", "deeper-cnn"])
def test_a_nudge_of_float32_size_moves_no_update_far(name, draw):
    """Else two right implementations could part: see `TRAINING_SEED`."""
    model, samples = MODELS[name], SAMPLES[10]
    random = np.random.default_rng(draw)
    weights = first_weights(model)
    nudged = [array * (1 + random.choice([-6e-8, 6e-8], array.shape)) for array in weights]
    updates = []
    for start in (weights, nudged):
        trainer = Reference().bare_trainer(model, IN_ORDER)
        trainer.set_parameters(start)
        trainer.fit(*_splits(model, samples), RecordingObserver())
        updates.append(as_row(trainer.parameters()) - as_row(start))
    assert relative_difference(updates[1], updates[0]) < UPDATE_TOLERANCE[10] / 5
