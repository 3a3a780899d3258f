"""Weights moved by a few roundings of float32, up and down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchbench.certify.rows import Arrays

# Four roundings of float32: about what a sum of some hundred products collects.
NUDGE = 4 * 2.0**-24
# What Keras rounds 1 - beta^t by at first, and so its first steps.
RATE_NUDGE = 2e-5


def nudged(weights: Arrays, seed: int = 0) -> Iterator[tuple[int, list[Any]]]:
    """Yield the weights moved up and down by a few roundings, each with 1 or -1."""
    random = np.random.default_rng(seed)
    signs = [random.choice([-NUDGE, NUDGE], array.shape) for array in weights]
    for direction in (1, -1):
        yield (
            direction,
            [array * (1 + direction * sign) for array, sign in zip(weights, signs, strict=True)],
        )
