"""Normalisation over the batch, or over the features of a sample; and dropout."""

from __future__ import annotations

from typing import ClassVar

from benchbench.spec.layers.layer import BaseLayer, Positive, Share, call_text
from benchbench.spec.variables import Shape, Variable


class BatchNorm(BaseLayer, frozen=True, tag="BatchNorm"):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, a channel (the last axis) at a time.

    Training: mean and variance (the biased one) are the batch's, over all axes but the channel, and
    `moving = momentum * moving + (1 - momentum) * batch's` for both. Evaluation: they are the
    moving ones. Variables: gamma, beta, moving_mean, moving_variance, each (channels,).
    Source: Ioffe and Szegedy, ICML 2015; momentum, epsilon and the biased moving variance as Keras.
    """

    original_fields: ClassVar = ("momentum", "epsilon")

    momentum: Share = 0.99
    epsilon: Positive = 1e-3

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        shape = input_shape[-1:]
        return (
            Variable("gamma", shape, "ones"),
            Variable("beta", shape, "zeros"),
            Variable("moving_mean", shape, "zeros", trainable=False),
            Variable("moving_variance", shape, "ones", trainable=False),
        )

    def count_formula(self, input_shape: Shape) -> str:
        return f"4*{input_shape[-1]}"

    def describe(self) -> str:
        return call_text("BatchNorm", f"momentum {self.momentum:g}", f"epsilon {self.epsilon:g}")


class LayerNorm(BaseLayer, frozen=True, tag="LayerNorm"):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` over the last axis, at each place.

    The variance is the biased one. Variables: gamma, beta, each (features,).
    Source: Ba, Kiros and Hinton, "Layer normalization", 2016; epsilon as Keras.
    """

    original_fields: ClassVar = ("epsilon",)

    epsilon: Positive = 1e-3

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        shape = input_shape[-1:]
        return Variable("gamma", shape, "ones"), Variable("beta", shape, "zeros")

    def count_formula(self, input_shape: Shape) -> str:
        return f"2*{input_shape[-1]}"

    def describe(self) -> str:
        return f"LayerNorm(epsilon {self.epsilon:g})"


class Dropout(BaseLayer, frozen=True, tag="Dropout"):
    """Training: each value is 0 with probability `rate`, else x / (1 - rate). Evaluation: x.

    Every step draws anew, every value on its own.
    Source: Srivastava et al., JMLR 2014, scaled in training ("inverted").
    """

    original_fields: ClassVar = ("rate",)

    rate: Share

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def describe(self) -> str:
        return f"Dropout({self.rate:g})"
