"""Conv2D: a small dense layer, applied to every window of an image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.layers.activations import ActivationName, activation_text
from benchbench.spec.layers.layer import (
    BaseLayer,
    Count,
    Padding,
    Size2D,
    call_text,
    image,
    pair_text,
    windows,
)
from benchbench.spec.variables import Shape, Variable


class Conv2D(BaseLayer, frozen=True, tag="Conv2D"):
    """Cross-correlation; kernel (height, width, channels / groups, filters), bias (filters,).

    `groups`: filter o sees the channels of group o // (filters / groups) only; as many groups as
    channels make a depthwise convolution. `dilation`: the kernel's rows and columns lie so far
    apart. "same" pads with zeros: half of what is missing before (rounded down), the rest after.
    """

    original_fields: ClassVar = ("filters", "kernel_size", "activation")

    filters: Count
    kernel_size: Size2D
    activation: ActivationName = "linear"
    strides: Size2D = (1, 1)
    padding: Padding = "valid"
    groups: Count = 1
    dilation: Size2D = (1, 1)
    use_bias: bool = True

    @property
    def window(self) -> Size2D:
        """Height and width of the part of the image that one output sees."""
        return (
            (self.kernel_size[0] - 1) * self.dilation[0] + 1,
            (self.kernel_size[1] - 1) * self.dilation[1] + 1,
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        for error in self.misfits(input_shape):
            raise error
        return (*self._places(input_shape), self.filters)

    def misfits(self, input_shape: Shape) -> Iterator[SpecError]:
        try:
            _, _, channels = image("Conv2D", input_shape)
        except SpecError as error:
            yield error
            return
        if channels % self.groups or self.filters % self.groups:
            yield SpecError(
                f"Conv2D's {self.groups} groups must divide its input's {channels} channels and "
                f"its {self.filters} filters",
                ("groups",),
            )
        if self.dilation != (1, 1) and self.strides != (1, 1):
            yield SpecError(
                "Conv2D takes strides or dilation, not both (Keras has no such layer): set one of "
                "them to [1, 1]",
                ("dilation",),
            )
        try:
            self._places(input_shape)
        except SpecError as error:
            yield error

    def mended_shape(self, input_shape: Shape) -> Shape | None:
        return (*input_shape[:2], self.filters) if len(input_shape) == 3 else None

    def _places(self, input_shape: Shape) -> tuple[int, int]:
        """Return the height and width of the output. Raises SpecError for too large a kernel."""
        return windows(
            "Conv2D's kernel" if self.dilation == (1, 1) else "Conv2D's dilated kernel",
            input_shape,
            window=self.window,
            strides=self.strides,
            padding=self.padding,
            field="kernel_size",
        )

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        shape = (*self.kernel_size, input_shape[2] // self.groups, self.filters)
        kernel = Variable("kernel", shape, "glorot_uniform")
        return (kernel, Variable("bias", (self.filters,), "zeros")) if self.use_bias else (kernel,)

    def count_formula(self, input_shape: Shape) -> str:
        height, width = self.kernel_size
        kernel = f"{height}*{width}*{input_shape[2] // self.groups}*{self.filters}"
        return kernel + (f" + {self.filters}" if self.use_bias else "")

    def forward_flops(self, input_shape: Shape) -> int:
        height, width, filters = self.output_shape(input_shape)
        products = math.prod(self.kernel_size) * (input_shape[2] // self.groups)
        return height * width * filters * (2 * products + self.use_bias)

    def describe(self) -> str:
        return call_text(
            "Conv2D",
            str(self.filters),
            pair_text(self.kernel_size),
            *(f"{name} {text}" for name, text in self._unusual()),
            activation_text(self.activation),
            "" if self.use_bias else "no bias",
        )

    def _unusual(self) -> list[tuple[str, str]]:
        """Return names and values of the fields that are not at their defaults."""
        texts = {
            "strides": pair_text(self.strides),
            "padding": self.padding,
            "groups": str(self.groups),
            "dilation": pair_text(self.dilation),
        }
        usual = {one.name: one.default for one in msgspec.structs.fields(self)}
        return [(name, text) for name, text in texts.items() if getattr(self, name) != usual[name]]
