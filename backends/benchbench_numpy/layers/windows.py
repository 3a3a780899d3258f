"""Windows over an image: how it is padded, and which part of it each corner of a window sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import benchbench
from benchbench_numpy.layers.layer import Array

# A mistake that `benchbench.certify` asks for: see `mistaken`.
SYMMETRIC = "symmetric padding"


@dataclass(frozen=True)
class Windows:
    """Windows of `size` (rows, columns), `strides` apart, their own rows `dilation` apart.

    `padding` is ((top, bottom), (left, right)); `output` is how many windows there are, down and
    across.
    """

    size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    output: tuple[int, int]

    @property
    def overlap(self) -> bool:
        """Whether a place may lie in more than one window."""
        extent = (
            (size - 1) * step + 1 for size, step in zip(self.size, self.dilation, strict=True)
        )
        return any(one > stride for one, stride in zip(extent, self.strides, strict=True))

    @property
    def padded(self) -> bool:
        return any(any(pair) for pair in self.padding)

    def corner(self, images: Array, row: int, column: int) -> Array:
        """View what the windows' corner (row, column) sees of padded images, (n, *output, c)."""
        (down, across), (rows, columns) = self.strides, self.output
        top, left = row * self.dilation[0], column * self.dilation[1]
        return images[
            :,
            top : top + down * (rows - 1) + 1 : down,
            left : left + across * (columns - 1) + 1 : across,
        ]

    def corners(self, images: Array) -> list[Array]:
        """View what each corner of the windows sees of padded images, row by row."""
        return [self.corner(images, row, column) for row, column in np.ndindex(self.size)]

    def padded_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a padded image (height, width, channels)."""
        height, width, channels = input_shape
        return height + sum(self.padding[0]), width + sum(self.padding[1]), channels

    def inside(self, padded: Array) -> Array:
        """View the images within padded ones."""
        (top, bottom), (left, right) = self.padding
        height, width = padded.shape[1:3]
        return padded[:, top : height - bottom, left : width - right]


def windows_of(
    layer: benchbench.Conv2D | benchbench.MaxPool2D | benchbench.AvgPool2D,
    input_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
) -> Windows:
    """Return the windows of a layer of the spec."""
    if isinstance(layer, benchbench.Conv2D):
        size, strides, dilation = layer.kernel_size, layer.strides, layer.dilation
        extent = layer.window
    else:
        size, strides, dilation, extent = layer.pool_size, layer.steps, (1, 1), layer.pool_size
    padding = [
        benchbench.padding_amounts(input_shape[axis], extent[axis], strides[axis], layer.padding)
        for axis in (0, 1)
    ]
    if getattr(layer, "mistake", "") == SYMMETRIC:
        padding = [(behind, before) for before, behind in padding]
    output = output_shape[0], output_shape[1]
    return Windows(size, strides, dilation, (padding[0], padding[1]), output)
