"""ReLU: what is negative becomes 0."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer


class ReLU(Layer):
    """y = max(x, 0), with derivative 0 at 0. x, y, dx and dy share any shape (n, ...)."""

    def __init__(self, *, output_shape: tuple[int, ...], batch_size: int, dtype: np.dtype) -> None:
        self._y = np.empty((batch_size, *output_shape), dtype)

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0, out=self._y[: len(x)])

    def backward_input(self, dy: Array) -> Array:
        dy *= self._y[: len(dy)] > 0
        return dy
