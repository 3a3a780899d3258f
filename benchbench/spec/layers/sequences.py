"""Layers of sequences: tokens to features, places in a sequence, attention."""

from __future__ import annotations

from typing import ClassVar

from benchbench.errors import SpecError
from benchbench.spec.layers.layer import BaseLayer, Count, call_text, sequence
from benchbench.spec.variables import Shape, Variable


class Embedding(BaseLayer, frozen=True, tag="Embedding"):
    """Row `token` of `embeddings`, for each token: (steps,) to (steps, features).

    Tokens are whole numbers from 0 to `vocabulary` - 1; it is the first layer of a model whose
    `input_type` is "int32". Where a token occurs several times, its row's gradient is the sum over
    them. No token is masked. Variable: embeddings (vocabulary, features), uniform in
    [-0.05, 0.05) at first, as Keras.
    """

    original_fields: ClassVar = ("vocabulary", "features")

    vocabulary: Count
    features: Count

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise SpecError(
                f"Embedding expects a row of tokens (steps,), but its input has shape {input_shape}"
            )
        return (*input_shape, self.features)

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        return (Variable("embeddings", (self.vocabulary, self.features), "small_uniform"),)

    def count_formula(self, input_shape: Shape) -> str:
        return f"{self.vocabulary}*{self.features}"

    def describe(self) -> str:
        return f"Embedding({self.vocabulary} tokens, {self.features})"


class PositionEmbedding(BaseLayer, frozen=True, tag="PositionEmbedding"):
    """`x + embeddings`: each place of the sequence has a row of its own, which is learnt.

    Variable: embeddings (steps, features), uniform in [-0.05, 0.05) at first, as Keras's Embedding.
    Source: Gehring et al., "Convolutional sequence to sequence learning", ICML 2017.
    """

    original_fields: ClassVar = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        return sequence("PositionEmbedding", input_shape)

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        return (Variable("embeddings", input_shape, "small_uniform"),)

    def count_formula(self, input_shape: Shape) -> str:
        return f"{input_shape[0]}*{input_shape[1]}"

    def forward_flops(self, input_shape: Shape) -> int:
        return input_shape[0] * input_shape[1]

    def describe(self) -> str:
        return "PositionEmbedding()"


class MultiHeadAttention(BaseLayer, frozen=True, tag="MultiHeadAttention"):
    """Self-attention: each place is a mean of all places, weighed by a softmax of likeness.

    With E features, H heads of D = E / H features each, and for head h at places t and s:

        q = x @ query_kernel + query_bias, so k and v
        a[h, t, s] = softmax over s of q[t, h] . k[s, h] / sqrt(D)
        y[t] = sum over h and s of a[h, t, s] v[s, h] @ output_kernel[h], + output_bias

    `causal`: place t sees only places s <= t. Variables: query_kernel (E, H, D), query_bias (H, D),
    the same of key and value, output_kernel (H, D, E), output_bias (E,). The key's bias has a
    gradient of zero: it adds the same to all likenesses of a place.
    Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2; shapes as Keras.
    """

    original_fields: ClassVar = ("heads", "causal")

    heads: Count
    causal: bool = False

    def output_shape(self, input_shape: Shape) -> Shape:
        _, features = sequence("MultiHeadAttention", input_shape)
        if features % self.heads:
            raise SpecError(
                f"MultiHeadAttention shares the features out among its heads, but {features} "
                f"features do not divide by {self.heads} heads",
                ("heads",),
            )
        return input_shape

    def mended_shape(self, input_shape: Shape) -> Shape | None:
        return input_shape if len(input_shape) == 2 else None

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        features = input_shape[1]
        head = (self.heads, features // self.heads)
        inward = (
            variable
            for name in ("query", "key", "value")
            for variable in (
                Variable(f"{name}_kernel", (features, *head), "glorot_uniform_to_heads"),
                Variable(f"{name}_bias", head, "zeros"),
            )
        )
        return (
            *inward,
            Variable("output_kernel", (*head, features), "glorot_uniform_from_heads"),
            Variable("output_bias", (features,), "zeros"),
        )

    def count_formula(self, input_shape: Shape) -> str:
        features = input_shape[1]
        return f"4*({features}*{features} + {features})"

    def forward_flops(self, input_shape: Shape) -> int:
        steps, features = input_shape
        return steps * (4 * (2 * features**2 + features) + 4 * steps * features)

    def describe(self) -> str:
        return call_text("MultiHeadAttention", str(self.heads), "causal" if self.causal else "")
