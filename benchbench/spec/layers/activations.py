"""The activations, by formula, and the layer that is nothing but one.

| name | y = f(x) |
|---|---|
| linear | x |
| relu | max(x, 0), derivative 0 at 0 |
| relu6 | min(max(x, 0), 6), derivative 0 at 0 and at 6 |
| leaky_relu | x where x > 0, else 0.2 x; derivative 0.2 at 0 |
| elu | x where x > 0, else e^x - 1 |
| gelu | x Phi(x), Phi the distribution function of the standard normal distribution |
| gelu_tanh | 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) |
| silu | x sigmoid(x) |
| tanh | tanh(x) |
| sigmoid | 1 / (1 + e^-x) |
| softmax | e^x / sum e^x over the last axis; of an output layer only |

Sources: Keras 3, `keras.activations`; Hendrycks and Gimpel, "Gaussian error linear units", 2016.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from benchbench.spec.layers.layer import BaseLayer
from benchbench.spec.variables import Shape

ActivationName: TypeAlias = Literal[
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "gelu",
    "gelu_tanh",
    "silu",
    "tanh",
    "sigmoid",
    "softmax",
]

# The slope of leaky_relu below 0: that of Keras's activation function of this name.
LEAKY_SLOPE = 0.2
# Activations with a kink: where rounding takes an input across it, two right programs part.
KINKED = frozenset({"relu", "relu6", "leaky_relu"})


class Activation(BaseLayer, frozen=True, tag="Activation"):
    """`function(x)`, element by element."""

    original_fields: ClassVar = ("function",)

    function: ActivationName

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def describe(self) -> str:
        return f"Activation({self.function})"


def activation_text(activation: ActivationName) -> str:
    """Return what `describe` says of an activation; nothing of a linear one."""
    return "" if activation == "linear" else activation
