"""Flatten: an image laid out as a row of features."""

from __future__ import annotations

import math

from benchbench_numpy.layers.layer import Array, Layer


class Flatten(Layer):
    """y = the values of x, row-major.

    | array | shape                        |
    |-------|------------------------------|
    | x, dx | (n, height, width, channels) |
    | y, dy | (n, features)                |

    features = height * width * channels. Nothing is copied: y is another view of x.
    """

    def __init__(self, *, input_shape: tuple[int, ...]) -> None:
        self._input_shape = input_shape

    def forward(self, x: Array) -> Array:
        return x.reshape(len(x), math.prod(self._input_shape))

    def backward_input(self, dy: Array) -> Array:
        return dy.reshape(len(dy), *self._input_shape)
