"""Dense: every output is a weighted sum of all features."""

from __future__ import annotations

import math
from typing import ClassVar

from benchbench.errors import SpecError
from benchbench.spec.layers.activations import ActivationName, activation_text
from benchbench.spec.layers.layer import BaseLayer, Count, call_text
from benchbench.spec.variables import Shape, Variable


class Dense(BaseLayer, frozen=True, tag="Dense"):
    """`activation(x @ kernel + bias)`, kernel (features, units), bias (units,).

    Input (features,) or (steps, features): the last axis is weighed, at each step alike.
    """

    original_fields: ClassVar = ("units", "activation")

    units: Count
    activation: ActivationName = "linear"
    use_bias: bool = True

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) not in {1, 2}:
            raise SpecError(
                f"Dense expects a row of features, but its input has shape {input_shape}: "
                f"put a Flatten layer before it"
            )
        return (*input_shape[:-1], self.units)

    def mended_shape(self, input_shape: Shape) -> Shape | None:
        return (self.units,)

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        kernel = Variable("kernel", (input_shape[-1], self.units), "glorot_uniform")
        return (kernel, Variable("bias", (self.units,), "zeros")) if self.use_bias else (kernel,)

    def count_formula(self, input_shape: Shape) -> str:
        return f"{input_shape[-1]}*{self.units}" + (f" + {self.units}" if self.use_bias else "")

    def forward_flops(self, input_shape: Shape) -> int:
        steps = math.prod(input_shape[:-1])
        return steps * (2 * input_shape[-1] * self.units + self.units * self.use_bias)

    def describe(self) -> str:
        return call_text(
            "Dense",
            str(self.units),
            activation_text(self.activation),
            "" if self.use_bias else "no bias",
        )
