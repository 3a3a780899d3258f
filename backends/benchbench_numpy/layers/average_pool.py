"""Average pooling: the mean of every window, and of the whole."""

from __future__ import annotations

import math

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer
from benchbench_numpy.layers.windows import Windows


class AveragePool(Layer):
    """y[p, q] = the mean of what of the window at (p, q) lies inside the image.

    | array | shape                                |
    |-------|--------------------------------------|
    | x, dx | (n, height, width, channels)         |
    | y, dy | (n, out_height, out_width, channels) |
    """

    def __init__(
        self,
        *,
        input_shape: tuple[int, ...],
        windows: Windows,
        batch_size: int,
        dtype: np.dtype,
    ) -> None:
        self._windows = windows
        padded = (batch_size, *windows.padded_shape(input_shape))
        self._y = np.empty((batch_size, *windows.output, input_shape[2]), dtype)
        self._dx = np.empty(padded, dtype)
        self._padded = np.zeros(padded, dtype)
        inside = np.zeros((1, *padded[1:3], 1), dtype)
        windows.inside(inside)[...] = 1
        # (1, out_height, out_width, 1): how many values of each window lie inside.
        self._counts = np.sum(windows.corners(inside), axis=0, dtype=dtype)

    def forward(self, x: Array) -> Array:
        n = len(x)
        self._windows.inside(self._padded[:n])[...] = x
        y = self._y[:n]
        y[...] = 0
        for corner in self._windows.corners(self._padded[:n]):
            y += corner
        y /= self._counts
        return y

    def backward_input(self, dy: Array) -> Array:
        dx = self._dx[: len(dy)]
        dx[...] = 0
        share = dy / self._counts
        for corner in self._windows.corners(dx):
            np.add(corner, share, out=corner)
        return self._windows.inside(dx)


class GlobalAverage(Layer):
    """The mean over all axes between batch and features: (n, *places, features) to (n, features).

    dx is dy / the number of places, at each place alike.
    """

    def __init__(self, *, input_shape: tuple[int, ...]) -> None:
        self._places = input_shape[:-1]

    def forward(self, x: Array) -> Array:
        return x.mean(axis=tuple(range(1, x.ndim - 1)))

    def backward_input(self, dy: Array) -> Array:
        n, features = dy.shape
        share = (dy / math.prod(self._places)).reshape(n, *(1 for _ in self._places), features)
        return np.broadcast_to(share, (n, *self._places, features)).copy()
