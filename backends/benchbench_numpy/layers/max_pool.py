"""Max pooling: the largest value of every window."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer
from benchbench_numpy.layers.windows import Windows


class MaxPool(Layer):
    """y[p, q] = the largest of the window of x at (p, q).

    | array | shape                                |
    |-------|--------------------------------------|
    | x, dx | (n, height, width, channels)         |
    | y, dy | (n, out_height, out_width, channels) |

    What lies in no window has dx 0, and padding is minus infinity. Among equal maxima the first in
    row-major order receives the whole derivative.
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
        self._dx = np.zeros(padded, dtype)
        self._padded = np.full(padded, -np.inf, dtype) if windows.padded else None

    def forward(self, x: Array) -> Array:
        n = len(x)
        if self._padded is not None:
            self._windows.inside(self._padded[:n])[...] = x
            x = self._padded[:n]
        self._x = x
        first, *others = self._windows.corners(x)
        y = self._y[:n]
        y[...] = first
        for corner in others:
            np.maximum(y, corner, out=y)
        return y

    def backward_input(self, dy: Array) -> Array:
        n = len(dy)
        y, dx = self._y[:n], self._dx[:n]
        overlap = self._windows.overlap
        if overlap:
            dx[...] = 0
        corners = zip(self._windows.corners(self._x), self._windows.corners(dx), strict=True)
        # What an earlier maximum has taken is gone: later ones, equal to it, receive 0.
        for corner, dx_corner in corners:
            if overlap:
                taken = dy * (corner == y)
                np.add(dx_corner, taken, out=dx_corner)
            else:
                taken = np.multiply(dy, corner == y, out=dx_corner)
            dy -= taken
        return self._windows.inside(dx)
