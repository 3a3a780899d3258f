"""Dense: every output is a weighted sum of all features."""

from __future__ import annotations

import math

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer


class Dense(Layer):
    """y = x @ kernel + bias, at each place of the axes between batch and features.

    | array  | shape                   |
    |--------|-------------------------|
    | x, dx  | (n, *places, features)  |
    | kernel | (features, units)       |
    | bias   | (units,)                |
    | y, dy  | (n, *places, units)     |
    """

    learns = True

    def __init__(
        self,
        weights: Array,
        gradient: Array,
        *,
        batch_size: int,
        places: tuple[int, ...] = (),
        use_bias: bool = True,
    ) -> None:
        """Take `weights` and their `gradient`, (features + 1, units): kernel, then bias.

        Without a bias both are (features, units).
        """
        features = len(weights) - use_bias
        self._kernel, self._kernel_gradient = weights[:features], gradient[:features]
        self._bias = weights[-1] if use_bias else None
        self._bias_gradient = gradient[-1] if use_bias else None
        self._y = np.empty((batch_size, *places, weights.shape[1]), weights.dtype)
        self._dx = np.empty((batch_size, *places, features), weights.dtype)

    def forward(self, x: Array) -> Array:
        self._x = x
        y = self._y[: len(x)]
        np.matmul(rows(x), self._kernel, out=rows(y))
        if self._bias is not None:
            y += self._bias
        return y

    def backward_parameters(self, dy: Array) -> None:
        np.matmul(rows(self._x).T, rows(dy), out=self._kernel_gradient)
        if self._bias_gradient is not None:
            np.sum(rows(dy), axis=0, out=self._bias_gradient)

    def backward_input(self, dy: Array) -> Array:
        dx = self._dx[: len(dy)]
        np.matmul(rows(dy), self._kernel.T, out=rows(dx))
        return dx


def rows(array: Array) -> Array:
    """View (..., columns), contiguous, as a matrix (rows, columns)."""
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])
