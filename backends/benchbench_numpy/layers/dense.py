"""Dense: every output is a weighted sum of all features."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer


class Dense(Layer):
    """y = x @ kernel + bias.

    | array  | shape             |
    |--------|-------------------|
    | x, dx  | (n, features)     |
    | kernel | (features, units) |
    | bias   | (units,)          |
    | y, dy  | (n, units)        |
    """

    def __init__(self, weights: Array, gradient: Array, *, batch_size: int) -> None:
        """Take `weights` and their `gradient`, both (features + 1, units): kernel, then bias."""
        self._kernel, self._bias = weights[:-1], weights[-1]
        self._kernel_gradient, self._bias_gradient = gradient[:-1], gradient[-1]
        features, units = self._kernel.shape
        self._y = np.empty((batch_size, units), weights.dtype)
        self._dx = np.empty((batch_size, features), weights.dtype)

    def forward(self, x: Array) -> Array:
        self._x = x
        y = np.matmul(x, self._kernel, out=self._y[: len(x)])
        y += self._bias
        return y

    def backward_parameters(self, dy: Array) -> None:
        np.matmul(self._x.T, dy, out=self._kernel_gradient)
        np.sum(dy, axis=0, out=self._bias_gradient)

    def backward_input(self, dy: Array) -> Array:
        return np.matmul(dy, self._kernel.T, out=self._dx[: len(dy)])
