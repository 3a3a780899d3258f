"""Pools: the largest or the mean of each window, and the mean of the whole."""

from __future__ import annotations

from typing import ClassVar

from benchbench.spec.layers.layer import (
    BaseLayer,
    Padding,
    Size2D,
    call_text,
    image,
    pair_text,
    sequence,
    windows,
)
from benchbench.spec.variables import Shape


class _Pool2D(BaseLayer, frozen=True):
    original_fields: ClassVar = ("pool_size",)

    pool_size: Size2D = (2, 2)
    strides: Size2D | None = None
    padding: Padding = "valid"

    @property
    def steps(self) -> Size2D:
        """The strides; windows lie side by side where none are given."""
        return self.strides or self.pool_size

    def output_shape(self, input_shape: Shape) -> Shape:
        name = type(self).__name__
        _, _, channels = image(name, input_shape)
        height, width = windows(
            f"{name}'s window",
            input_shape,
            window=self.pool_size,
            strides=self.steps,
            padding=self.padding,
            field="pool_size",
        )
        return height, width, channels

    def mended_shape(self, input_shape: Shape) -> Shape | None:
        return input_shape if len(input_shape) == 3 else None

    def describe(self) -> str:
        return call_text(
            type(self).__name__,
            pair_text(self.pool_size),
            f"strides {pair_text(self.steps)}" if self.steps != self.pool_size else "",
            "" if self.padding == "valid" else f"padding {self.padding}",
        )


class MaxPool2D(_Pool2D, frozen=True, tag="MaxPool2D"):
    """The largest of each window; among equals the first, row by row, takes the derivative.

    "valid" drops what is left over; "same" pads with minus infinity.
    """


class AvgPool2D(_Pool2D, frozen=True, tag="AvgPool2D"):
    """The mean of what of each window lies inside the image: padding does not count."""


class GlobalAvgPool2D(BaseLayer, frozen=True, tag="GlobalAvgPool2D"):
    """The mean of each channel: (height, width, channels) to (channels,)."""

    original_fields: ClassVar = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        return image("GlobalAvgPool2D", input_shape)[2:]

    def describe(self) -> str:
        return "GlobalAvgPool2D()"


class GlobalAvgPool1D(BaseLayer, frozen=True, tag="GlobalAvgPool1D"):
    """The mean over the steps: (steps, features) to (features,)."""

    original_fields: ClassVar = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        return sequence("GlobalAvgPool1D", input_shape)[1:]

    def describe(self) -> str:
        return "GlobalAvgPool1D()"
