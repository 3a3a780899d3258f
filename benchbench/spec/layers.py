"""The layers a model is made of, each with its shapes, its parameters and its arithmetic.

A layer is data. What it computes is written in the backends; what follows from its numbers alone
(shapes, variables, FLOPs) is written here. A new kind of layer is a new class and a place in
`Layer`; `original_fields` are those that its first release had (see `spec.identity`).

Shapes are those of one sample, without the batch: (height, width, channels) or (features,).
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.variables import Shape, Variable

# No array, and no table of a record, holds more than 64 bits can count.
Count = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Activation: TypeAlias = Literal["linear", "relu", "softmax"]


class _Layer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=False
):
    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample. Raises SpecError where the input does not fit."""
        raise NotImplementedError

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        """Return the layer's variables in canonical order and layout, by their names within it."""
        return ()

    def count_formula(self, input_shape: Shape) -> str:
        """Return how the parameter count comes about, or an empty string."""
        return ""

    def forward_flops(self, input_shape: Shape) -> int:
        """Return the floating-point operations of one sample's forward pass.

        Multiplications and additions of kernels and biases, one each; reshapes, comparisons (ReLU,
        pooling) and the softmax are not counted.
        """
        return 0

    def describe(self) -> str:
        """Return the layer as one would write it: `Conv2D(32, 3x3, relu)`."""
        raise NotImplementedError


class Flatten(_Layer, frozen=True, tag="Flatten"):
    """Lay (height, width, channels) out as one row of features, row-major."""

    original_fields: ClassVar = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def describe(self) -> str:
        return "Flatten()"


class Dense(_Layer, frozen=True, tag="Dense"):
    """`activation(x @ kernel + bias)`, kernel (features, units), bias (units,)."""

    original_fields: ClassVar = ("units", "activation")

    units: Count
    activation: Activation = "linear"

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise SpecError(
                f"Dense expects a row of features, but its input has shape {input_shape}: "
                f"put a Flatten layer before it"
            )
        return (self.units,)

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        return (
            Variable("kernel", (input_shape[0], self.units), "glorot_uniform"),
            Variable("bias", (self.units,), "zeros"),
        )

    def count_formula(self, input_shape: Shape) -> str:
        return f"{input_shape[0]}*{self.units} + {self.units}"

    def forward_flops(self, input_shape: Shape) -> int:
        return 2 * input_shape[0] * self.units + self.units

    def describe(self) -> str:
        return f"Dense({self.units}{_activation(self.activation)})"


class Conv2D(_Layer, frozen=True, tag="Conv2D"):
    """Cross-correlation, stride 1, no padding; kernel (h, w, in, filters), bias (filters,)."""

    original_fields: ClassVar = ("filters", "kernel_size", "activation")

    filters: Count
    kernel_size: tuple[Count, Count]
    activation: Activation = "linear"

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = _image("Conv2D", input_shape)
        kernel_height, kernel_width = self.kernel_size
        if kernel_height > height or kernel_width > width:
            raise SpecError(
                f"Conv2D's kernel of {kernel_height}x{kernel_width} is larger than its input of "
                f"{height}x{width}",
                ("kernel_size",),
            )
        return height - kernel_height + 1, width - kernel_width + 1, self.filters

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        kernel = (*self.kernel_size, input_shape[2], self.filters)
        return (
            Variable("kernel", kernel, "glorot_uniform"),
            Variable("bias", (self.filters,), "zeros"),
        )

    def count_formula(self, input_shape: Shape) -> str:
        height, width = self.kernel_size
        return f"{height}*{width}*{input_shape[2]}*{self.filters} + {self.filters}"

    def forward_flops(self, input_shape: Shape) -> int:
        height, width, filters = self.output_shape(input_shape)
        per_output = 2 * math.prod(self.kernel_size) * input_shape[2] + 1
        return height * width * filters * per_output

    def describe(self) -> str:
        height, width = self.kernel_size
        return f"Conv2D({self.filters}, {height}x{width}{_activation(self.activation)})"


class MaxPool2D(_Layer, frozen=True, tag="MaxPool2D"):
    """The largest of each window; the stride is the window, and what is left over is dropped."""

    original_fields: ClassVar = ("pool_size",)

    pool_size: tuple[Count, Count] = (2, 2)

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = _image("MaxPool2D", input_shape)
        pool_height, pool_width = self.pool_size
        if pool_height > height or pool_width > width:
            raise SpecError(
                f"MaxPool2D's window of {pool_height}x{pool_width} is larger than its input of "
                f"{height}x{width}",
                ("pool_size",),
            )
        return height // pool_height, width // pool_width, channels

    def describe(self) -> str:
        height, width = self.pool_size
        return f"MaxPool2D({height}x{width})"


Layer: TypeAlias = Flatten | Dense | Conv2D | MaxPool2D


def _image(layer: str, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise SpecError(
            f"{layer} expects an image (height, width, channels), but its input has shape {shape}"
        )
    return shape[0], shape[1], shape[2]


def _activation(activation: Activation) -> str:
    return "" if activation == "linear" else f", {activation}"
