"""Layers that only lay a sample out anew, row-major."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.layers.layer import BaseLayer, Count
from benchbench.spec.variables import Shape


class Flatten(BaseLayer, frozen=True, tag="Flatten"):
    """Lay (height, width, channels) out as one row of features, row-major."""

    original_fields: ClassVar = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def describe(self) -> str:
        return "Flatten()"


class Reshape(BaseLayer, frozen=True, tag="Reshape"):
    """Lay a sample out as `shape`, row-major."""

    original_fields: ClassVar = ("shape",)

    shape: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1, max_length=3)]

    def output_shape(self, input_shape: Shape) -> Shape:
        if math.prod(self.shape) != math.prod(input_shape):
            raise SpecError(
                f"Reshape to {self.shape} needs {math.prod(self.shape)} values, but its input of "
                f"shape {input_shape} has {math.prod(input_shape)}",
                ("shape",),
            )
        return self.shape

    def mended_shape(self, input_shape: Shape) -> Shape | None:
        return self.shape

    def describe(self) -> str:
        return f"Reshape({'x'.join(str(size) for size in self.shape)})"
