"""What the suite trains: the catalog, a few odd models, and images made on the spot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from benchbench.data.dataset import Split
from benchbench.spec.catalog import MODELS
from benchbench.spec.layers import Conv2D, Dense, Flatten, MaxPool2D
from benchbench.spec.model import ModelSpec

CATALOG = tuple(MODELS.values())

# Nothing here is square, even or equal where the catalog is, so no two axes can be mistaken.
ODD_MODELS = (
    ModelSpec(
        "odd-sizes",
        (11, 9, 1),
        (
            Conv2D(4, (5, 3), "relu"),
            MaxPool2D((2, 3)),
            Flatten(),
            Dense(7, "relu"),
            Dense(5),
            Dense(3, "softmax"),
        ),
    ),
    ModelSpec(
        "three-channels",
        (9, 10, 3),
        (
            Conv2D(4, (2, 3)),
            MaxPool2D((3, 2)),
            Conv2D(5, (1, 2), "relu"),
            Flatten(),
            Dense(4, "softmax"),
        ),
    ),
    ModelSpec("pool-first", (7, 6, 2), (MaxPool2D((2, 2)), Flatten(), Dense(3, "softmax"))),
)

each_model = pytest.mark.parametrize(
    "model", [*CATALOG, *ODD_MODELS], ids=lambda model: str(model.name)
)

# Large weights saturate the softmax: there a clipped probability shows, and a clipped gradient.
each_scale = pytest.mark.parametrize("scale", [1, 4], ids=["fresh", "four-times"])


def make_split(model: ModelSpec, count: int, *, seed: int) -> Split:
    """Draw `count` smooth images that fade to exact zeros at the border, as handwritten digits do.

    Each class has a picture of its own, mixed with noise, so that there is something to learn. The
    faint pixels give small gradients: there a misplaced epsilon shows. Both arrays are read-only.
    """
    height, width, channels = model.input_shape
    pictures = _smooth(np.random.default_rng(0), (model.classes, height, width, channels))
    random = np.random.default_rng(seed)
    labels = random.integers(0, model.classes, count)
    noise = _smooth(random, (count, height, width, channels))
    brightness = np.clip(0.6 * pictures[labels] + 0.4 * noise, 0, 1) * _fade(height, width)
    images = (np.round(brightness * 255) / 255).astype(np.float32)
    images.flags.writeable = labels.flags.writeable = False
    return Split(images, labels)


def _smooth(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Draw noise, averaged over neighbours, spread to a mean of 0.5 and a deviation of 0.3."""
    noise = random.normal(size=shape)
    for axis in (1, 2):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    spread: npt.NDArray[np.float64] = 0.5 + 0.3 * noise / noise.std()
    return spread


def _fade(height: int, width: int) -> npt.NDArray[np.float64]:
    """Return weights (height, width, 1): 1 in the middle, falling to 0 at the border."""
    rows = np.sin(np.pi * np.arange(height) / (height - 1)) ** 2
    columns = np.sin(np.pi * np.arange(width) / (width - 1)) ** 2
    weights: npt.NDArray[np.float64] = np.multiply.outer(rows, columns)
    return weights[..., np.newaxis]
