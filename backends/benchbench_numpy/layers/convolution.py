"""Convolution: a small dense layer, applied to every window of the image."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchbench_numpy.layers.layer import Array, Layer


class Convolution(Layer):
    """y[p, q] = sum over i, j of x[p + i, q + j] @ kernel[i, j], plus bias: stride 1, no padding.

    | array   | shape                                            |
    |---------|--------------------------------------------------|
    | x, dx   | (n, height, width, channels)                     |
    | kernel  | (kernel_height, kernel_width, channels, filters) |
    | bias    | (filters,)                                       |
    | y, dy   | (n, out_height, out_width, filters)              |
    | windows | (n, out_height, out_width, window + 1)           |

    window = kernel_height * kernel_width * channels. `windows` holds one row for every position of
    the kernel: the values it sees there, and a 1 for the bias to weigh. With it forward is a single
    matrix product, and the derivative of kernel and bias is another.
    """

    def __init__(
        self,
        weights: Array,
        gradient: Array,
        *,
        input_shape: tuple[int, ...],
        kernel_size: tuple[int, int],
        batch_size: int,
    ) -> None:
        """Take `weights` and their `gradient`, both (window + 1, filters): kernel, then bias."""
        height, width, channels = input_shape
        kernel_height, kernel_width = kernel_size
        out_height, out_width = height - kernel_height + 1, width - kernel_width + 1
        filters = weights.shape[1]
        dtype = weights.dtype
        self._weights, self._gradient = weights, gradient
        self._kernel = weights[:-1].reshape(kernel_height, kernel_width, channels, filters)
        self._windows = np.ones((batch_size, out_height, out_width, len(weights)), dtype)
        self._y = np.empty((batch_size, out_height, out_width, filters), dtype)
        self._dx = np.empty((batch_size, *input_shape), dtype)
        self._dx_part = np.empty((batch_size, out_height, out_width, channels), dtype)

    def forward(self, x: Array) -> Array:
        n = len(x)
        kernel_height, kernel_width, channels, _ = self._kernel.shape
        views = sliding_window_view(x, (kernel_height, kernel_width), axis=(1, 2))
        seen = self._windows[:n, ..., :-1]
        seen.reshape(*seen.shape[:3], kernel_height, kernel_width, channels)[...] = views.transpose(
            0, 1, 2, 4, 5, 3
        )
        np.matmul(_rows(self._windows[:n]), self._weights, out=_rows(self._y[:n]))
        return self._y[:n]

    def backward_parameters(self, dy: Array) -> None:
        np.matmul(_rows(self._windows[: len(dy)]).T, _rows(dy), out=self._gradient)

    def backward_input(self, dy: Array) -> Array:
        n, out_height, out_width, _ = dy.shape
        dx, part = self._dx[:n], self._dx_part[:n]
        dx[...] = 0
        for i, j in np.ndindex(self._kernel.shape[:2]):
            np.matmul(_rows(dy), self._kernel[i, j].T, out=_rows(part))
            dx[:, i : i + out_height, j : j + out_width] += part
        return dx


def _rows(array: Array) -> Array:
    """View (..., columns), contiguous, as a matrix (rows, columns)."""
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])
