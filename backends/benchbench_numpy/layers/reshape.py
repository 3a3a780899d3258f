"""Reshape: the same values, laid out anew."""

from __future__ import annotations

import math

from benchbench_numpy.layers.layer import Array, Layer


class Reshape(Layer):
    """y holds the values of x, row-major. Nothing is copied: y is another view of x.

    | array | shape              |
    |-------|--------------------|
    | x, dx | (n, *input_shape)  |
    | y, dy | (n, *output_shape) |
    """

    def __init__(self, *, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> None:
        self._input_shape = input_shape
        self._output_shape = output_shape

    def forward(self, x: Array) -> Array:
        return x.reshape(len(x), *self._output_shape)

    def backward_input(self, dy: Array) -> Array:
        return dy.reshape(len(dy), *self._input_shape)


class Flatten(Reshape):
    """Reshape to one row of features."""

    def __init__(self, *, input_shape: tuple[int, ...]) -> None:
        super().__init__(input_shape=input_shape, output_shape=(math.prod(input_shape),))
