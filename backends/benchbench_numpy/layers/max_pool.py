"""Max pooling: the largest value of every window."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array, Layer


class MaxPool(Layer):
    """y[p, q] = the largest of the window of x at (p, q); windows lie side by side.

    | array | shape                                                      |
    |-------|------------------------------------------------------------|
    | x, dx | (n, height, width, channels)                               |
    | y, dy | (n, height // pool_height, width // pool_width, channels)  |

    Rows and columns that fill no window are dropped: no y sees them, and their dx is 0. Among equal
    maxima the first in row-major order receives the whole derivative.
    """

    def __init__(
        self,
        *,
        input_shape: tuple[int, ...],
        pool_size: tuple[int, int],
        batch_size: int,
        dtype: np.dtype,
    ) -> None:
        height, width, channels = input_shape
        self._pool_size = pool_size
        output_shape = (batch_size, height // pool_size[0], width // pool_size[1], channels)
        self._y = np.empty(output_shape, dtype)
        self._dx = np.zeros((batch_size, *input_shape), dtype)

    def forward(self, x: Array) -> Array:
        self._x = x
        first, *others = self._corners(x)
        y = self._y[: len(x)]
        y[...] = first
        for corner in others:
            np.maximum(y, corner, out=y)
        return y

    def backward_input(self, dy: Array) -> Array:
        n = len(dy)
        y, dx = self._y[:n], self._dx[:n]
        # What an earlier maximum has taken is gone: later ones, equal to it, receive 0.
        for corner, dx_corner in zip(self._corners(self._x), self._corners(dx), strict=True):
            np.multiply(dy, corner == y, out=dx_corner)
            dy -= dx_corner
        return dx

    def _corners(self, images: Array) -> list[Array]:
        """View the i-th row and j-th column of all windows, for every (i, j), each shaped as y."""
        pool_height, pool_width = self._pool_size
        _, out_height, out_width, _ = self._y.shape
        return [
            images[
                :,
                i : out_height * pool_height : pool_height,
                j : out_width * pool_width : pool_width,
            ]
            for i, j in np.ndindex(self._pool_size)
        ]
