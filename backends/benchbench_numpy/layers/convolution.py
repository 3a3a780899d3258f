"""Convolution: a small dense layer, applied to every window of the image."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchbench_numpy.layers.dense import rows
from benchbench_numpy.layers.layer import Array, Layer
from benchbench_numpy.layers.windows import Windows


class Convolution(Layer):
    """y[p, q] = sum over i, j of x[window at p, q][i, j] @ kernel[i, j], plus bias.

    | array   | shape                                                     |
    |---------|-----------------------------------------------------------|
    | x, dx   | (n, height, width, channels)                              |
    | kernel  | (kernel_height, kernel_width, channels / groups, filters) |
    | bias    | (filters,)                                                |
    | y, dy   | (n, out_height, out_width, filters)                       |
    | windows | (n, out_height, out_width, groups, window + 1)            |

    window = kernel_height * kernel_width * channels / groups. `windows` holds a row for every
    position of the kernel and every group: the values it sees there, and a 1 for the bias to weigh.
    With it forward is one matrix product a group, and the derivative of kernel and bias another.
    """

    learns = True

    def __init__(
        self,
        weights: Array,
        gradient: Array,
        *,
        input_shape: tuple[int, ...],
        windows: Windows,
        batch_size: int,
        groups: int = 1,
        use_bias: bool = True,
    ) -> None:
        """Take `weights` and their `gradient`, (window + 1, filters): kernel, then bias.

        Without a bias both are (window, filters).
        """
        channels, filters, dtype = input_shape[2] // groups, weights.shape[1], weights.dtype
        self._geometry = windows
        self._window = len(weights) - use_bias
        self._weights, self._gradient = weights, gradient
        self._kernel = weights[: self._window].reshape(*windows.size, channels, filters)
        size = filters // groups
        self._groups = [slice(group * size, (group + 1) * size) for group in range(groups)]
        place = (batch_size, *windows.output)
        self._windows = np.ones((*place, groups, len(weights)), dtype)
        self._y = np.empty((*place, filters), dtype)
        self._padded = np.zeros((batch_size, *windows.padded_shape(input_shape)), dtype)
        self._dx = np.empty_like(self._padded)
        self._dx_part = np.empty((*place, channels), dtype)

    def forward(self, x: Array) -> Array:
        n = len(x)
        if self._geometry.padded:
            self._geometry.inside(self._padded[:n])[...] = x
            x = self._padded[:n]
        self._look(x)
        for group, filters in enumerate(self._groups):
            seen = rows(self._windows[:n, :, :, group])
            if len(self._groups) == 1:
                np.matmul(seen, self._weights, out=rows(self._y[:n]))
            else:
                y = np.matmul(seen, self._weights[:, filters])
                self._y[:n, ..., filters] = y.reshape(self._y[:n, ..., filters].shape)
        return self._y[:n]

    def _look(self, x: Array) -> None:
        """Fill `windows` with what the kernel sees of padded images."""
        (down, across), (height, width) = self._geometry.strides, self._geometry.dilation
        kernel_height, kernel_width, channels, _ = self._kernel.shape
        extent = (kernel_height - 1) * height + 1, (kernel_width - 1) * width + 1
        views = sliding_window_view(x, extent, axis=(1, 2))
        views = views[:, ::down, ::across, :, ::height, ::width]
        place = views.shape[:3]
        views = views.reshape(*place, len(self._groups), channels, kernel_height, kernel_width)
        seen = self._windows[: len(x), ..., : self._window]
        seen.reshape(*place, len(self._groups), kernel_height, kernel_width, channels)[...] = (
            views.transpose(0, 1, 2, 3, 5, 6, 4)
        )

    def backward_parameters(self, dy: Array) -> None:
        n = len(dy)
        if len(self._groups) == 1:
            np.matmul(rows(self._windows[:n]).T, rows(dy), out=self._gradient)
            return
        for group, filters in enumerate(self._groups):
            seen = rows(self._windows[:n, :, :, group])
            self._gradient[:, filters] = seen.T @ rows(dy[..., filters])

    def backward_input(self, dy: Array) -> Array:
        n, size = len(dy), self._kernel.shape[2]
        dx, part = self._dx[:n], self._dx_part[:n]
        dx[...] = 0
        for group, filters in enumerate(self._groups):
            dy_group = rows(dy[..., filters])
            channels = slice(group * size, (group + 1) * size)
            for i, j in np.ndindex(self._kernel.shape[:2]):
                np.matmul(dy_group, self._kernel[i, j, :, filters].T, out=rows(part))
                self._geometry.corner(dx, i, j)[..., channels] += part
        return self._geometry.inside(dx)
