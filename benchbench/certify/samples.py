"""The images on which implementations are compared: drawn on the spot, for any shape."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchbench.data.dataset import Split
from benchbench.spec.model import ModelSpec


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
    """Return weights (height, width, 1): 1 in the middle, falling to exact 0 at the border.

    Images of fewer than six rows or columns have no dark border there.
    """
    weights: npt.NDArray[np.float64] = np.multiply.outer(_hill(height), _hill(width))
    return weights[..., np.newaxis]


def _hill(size: int) -> npt.NDArray[np.float64]:
    heights: npt.NDArray[np.float64] = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    return np.clip(1.1 * heights - 0.1, 0, 1)
