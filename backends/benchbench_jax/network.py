"""A model of the spec as a Flax NNX module.

Every module here takes `x` and `rngs`, the source of dropout's masks, as Flax's MNIST tutorial
does, and gives the places of its variables in canonical order: NNX itself sorts them by name.
Flax's layouts are the canonical ones: images channels last, Dense kernels (in, out), Conv2D kernels
(height, width, in / groups, out), sequences (steps, features).

The first weights are benchbench's, so Flax draws none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from benchbench import (
    GRU,
    LSTM,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    LayerTrace,
    ModelSpec,
    MultiHeadAttention,
    PositionEmbedding,
    Residual,
)
from benchbench_jax import functions, sequences
from benchbench_jax.layout import Place, places

_zeros = nnx.initializers.zeros_init()

Apply = Callable[[Layer, jax.Array], jax.Array]


class Execution(NamedTuple):
    """How the layers are computed for which there is more than one way.

    `apply`: those without variables; `states`: the states of recurrent ones.
    """

    apply: Apply
    states: sequences.States


AS_DOCUMENTED = Execution(functions.apply, sequences.states)
FAST = Execution(functions.apply_fast, sequences.states_fast)


class Chain(nnx.Module):
    """Layers one after another; none of them gives x itself."""

    def __init__(self, traces: Sequence[LayerTrace], how: Execution, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([_module(trace, how, rngs) for trace in traces])

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        for layer in self.layers:
            x = layer(x, rngs)
        return x

    def canonical(self) -> list[Place]:
        """Return the places of the variables in canonical order."""
        return [place for layer in self.layers for place in layer.canonical()]


def network(model: ModelSpec, how: Execution = AS_DOCUMENTED) -> Chain:
    """Return the model, (n, *input_shape) in, logits (n, *output_shape) out."""
    chain = Chain(model.trace(), how, nnx.Rngs(0))
    if isinstance(last := chain.layers[-1], Weighted):
        last.activation = "linear"  # the output layer's is in the loss
    return chain


def _module(  # noqa: PLR0911 - one a kind
    trace: LayerTrace, how: Execution, rngs: nnx.Rngs
) -> nnx.Module:
    match trace.layer:
        case Dense() | Conv2D() as layer:
            return Weighted(layer, trace.input_shape[-1], rngs)
        case BatchNorm() | LayerNorm() as layer:
            return Normalized(layer, trace.input_shape[-1], rngs)
        case Dropout() as layer:
            return Dropped(layer)
        case Residual() | Concat():
            return Branches(trace, how, rngs)
        case Embedding() as layer:
            return sequences.Embedded(layer, rngs)
        case PositionEmbedding():
            return sequences.Positioned(trace.input_shape)
        case MultiHeadAttention() as layer:
            return sequences.Attention(layer, trace.input_shape[-1], rngs)
        case LSTM() | GRU() as layer:
            return sequences.Recurrent(layer, trace.input_shape[-1], how.states, rngs)
    return Function(trace.layer, how.apply)


class Function(nnx.Module):
    """A layer without variables."""

    def __init__(self, layer: Layer, apply: Apply) -> None:
        self.layer = layer
        self.apply = apply

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        return self.apply(self.layer, x)

    def canonical(self) -> list[Place]:
        return []


class Weighted(nnx.Module):
    """Dense or Conv2D with its activation."""

    def __init__(self, layer: Dense | Conv2D, channels: int, rngs: nnx.Rngs) -> None:
        self.activation = layer.activation
        common: dict[str, Any] = {
            "use_bias": layer.use_bias,
            "kernel_init": _zeros,
            "rngs": rngs,
        }
        if isinstance(layer, Dense):
            self.inner = nnx.Linear(channels, layer.units, **common)
        else:
            self.inner = nnx.Conv(
                channels,
                layer.filters,
                layer.kernel_size,
                layer.strides,
                padding=layer.padding.upper(),
                feature_group_count=layer.groups,
                kernel_dilation=layer.dilation,
                **common,
            )

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        return functions.ACTIVATIONS[self.activation](self.inner(x))

    def canonical(self) -> list[Place]:
        inner = self.inner
        return places(inner.kernel, *([] if inner.bias is None else [inner.bias]))


class Normalized(nnx.Module):
    """BatchNorm or LayerNorm.

    Flax's fast variance, E[x^2] - E[x]^2, loses digits where the mean is large.
    """

    def __init__(self, layer: BatchNorm | LayerNorm, features: int, rngs: nnx.Rngs) -> None:
        common: dict[str, Any] = {
            "epsilon": layer.epsilon,
            "use_fast_variance": False,
            "rngs": rngs,
        }
        if isinstance(layer, BatchNorm):
            self.inner = nnx.BatchNorm(features, momentum=layer.momentum, **common)
        else:
            self.inner = nnx.LayerNorm(features, **common)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        return self.inner(x)

    def canonical(self) -> list[Place]:
        inner = self.inner
        state = [inner.mean, inner.var] if isinstance(inner, nnx.BatchNorm) else []
        return places(inner.scale, inner.bias, *state)


class Dropped(nnx.Module):
    """Dropout."""

    def __init__(self, layer: Dropout) -> None:
        self.inner = nnx.Dropout(layer.rate)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        return self.inner(x, rngs=rngs)

    def canonical(self) -> list[Place]:
        return []


class Branches(nnx.Module):
    """Residual, the sum of two chains, or Concat, chains side by side."""

    def __init__(self, trace: LayerTrace, how: Execution, rngs: nnx.Rngs) -> None:
        self.chains = nnx.List([Chain(chain, how, rngs) for chain in trace.chains])
        self.is_sum = isinstance(trace.layer, Residual)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        outputs = [chain(x, rngs) for chain in self.chains]
        return outputs[0] + outputs[1] if self.is_sum else jnp.concatenate(outputs, -1)

    def canonical(self) -> list[Place]:
        return [place for chain in self.chains for place in chain.canonical()]
