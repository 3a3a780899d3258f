"""Dropout: in training some values are left out, the others scaled up."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer


class Dropout(Layer):
    """y = x * mask in training, mask 0 with probability `rate`, else 1 / (1 - rate); else y = x.

    x, y, dx and dy share any shape (n, ...). Every call draws a mask of its own.
    """

    def __init__(self, rate: float, random: np.random.Generator) -> None:
        self._rate = rate
        self._random = random
        self._mask: Array | None = None

    def forward(self, x: Array) -> Array:
        self._mask = None
        if not self.training or self._rate == 0:
            return x
        kept = self._random.random(x.shape) >= self._rate
        self._mask = kept * x.dtype.type(1 / (1 - self._rate))
        return x * self._mask

    def backward_input(self, dy: Array) -> Array:
        return dy if self._mask is None else dy * self._mask
