"""The layers of sequences as Flax NNX has them; recurrent ones also as a bare loop.

Sequences are (n, steps, features), tokens (n, steps), int32. A token out of range, for which Flax
would give NaN, cannot occur: the core has looked at them.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from benchbench import GRU, LSTM, Embedding, MultiHeadAttention
from benchbench_jax.layout import Place, places

_zeros = nnx.initializers.zeros_init()
# Flax's gates of a GRU are r, z, n, the spec's z, r, n.
_GRU_GATES = (1, 0, 2)

# What an RNN makes of x (n, steps, features): its states (n, steps, units).
States = Callable[[nnx.RNN, jax.Array], jax.Array]


class Embedded(nnx.Module):
    """Embedding."""

    def __init__(self, layer: Embedding, rngs: nnx.Rngs) -> None:
        self.inner = nnx.Embed(layer.vocabulary, layer.features, embedding_init=_zeros, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        return self.inner(x)

    def canonical(self) -> list[Place]:
        return places(self.inner.embedding)


class Positioned(nnx.Module):
    """PositionEmbedding; Flax has no module for it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.embedding = nnx.Param(jnp.zeros(shape))

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        return x + self.embedding[...]

    def canonical(self) -> list[Place]:
        return places(self.embedding)


class Attention(nnx.Module):
    """MultiHeadAttention of a sequence to itself. In Flax's mask true means seen."""

    def __init__(self, layer: MultiHeadAttention, features: int, rngs: nnx.Rngs) -> None:
        self.causal = layer.causal
        self.inner = nnx.MultiHeadAttention(
            layer.heads, features, decode=False, kernel_init=_zeros, keep_rngs=False, rngs=rngs
        )

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        mask = nnx.make_causal_mask(x[..., 0]) if self.causal else None
        return self.inner(x, mask=mask)

    def canonical(self) -> list[Place]:
        parts = self.inner.query, self.inner.key, self.inner.value, self.inner.out
        return places(*(variable for part in parts for variable in (part.kernel, part.bias)))


class Recurrent(nnx.Module):
    """LSTM or GRU. Flax's GRU has no bias of the state's product: it gets one."""

    def __init__(self, layer: LSTM | GRU, features: int, states: States, rngs: nnx.Rngs) -> None:
        self.states = states
        self.return_sequences = layer.return_sequences
        kind = nnx.OptimizedLSTMCell if isinstance(layer, LSTM) else nnx.GRUCell
        cell = kind(
            features, layer.units, kernel_init=_zeros, recurrent_kernel_init=_zeros, rngs=rngs
        )
        if isinstance(cell, nnx.GRUCell):
            cell.dense_h = nnx.Linear(layer.units, 3 * layer.units, kernel_init=_zeros, rngs=rngs)
        # Without random numbers: the first state is given, and is zeros.
        self.inner = nnx.RNN(cell, rngs=False)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        y = self.states(self.inner, x)
        return y if self.return_sequences else y[:, -1]

    def canonical(self) -> list[Place]:
        cell = self.inner.cell
        if isinstance(cell, nnx.OptimizedLSTMCell):
            return places(cell.dense_i.kernel, cell.dense_h.kernel, cell.dense_h.bias)
        return [
            Place((cell.dense_i.kernel,), _GRU_GATES),
            Place((cell.dense_h.kernel,), _GRU_GATES),
            Place((cell.dense_i.bias, cell.dense_h.bias), _GRU_GATES),
        ]


def states(rnn: nnx.RNN, x: jax.Array) -> jax.Array:
    """Return what Flax computes."""
    return rnn(x, initial_carry=_first_state(rnn, x))


def states_fast(rnn: nnx.RNN, x: jax.Array) -> jax.Array:
    """Do what `states` does; the inputs of all steps are weighed at once, before the loop."""
    recurrent, bias = rnn.cell.dense_h.kernel[...], rnn.cell.dense_h.bias[...]
    weighed = rnn.cell.dense_i(x).swapaxes(0, 1)

    def lstm(state: tuple[jax.Array, jax.Array], own: jax.Array) -> tuple[object, jax.Array]:
        memory, h = state
        i, f, g, o = jnp.split(own + h @ recurrent, 4, axis=-1)
        memory = nnx.sigmoid(f) * memory + nnx.sigmoid(i) * nnx.tanh(g)
        h = nnx.sigmoid(o) * nnx.tanh(memory)
        return (memory, h), h

    def gru(h: jax.Array, own: jax.Array) -> tuple[jax.Array, jax.Array]:
        own_r, own_z, own_n = jnp.split(own, 3, axis=-1)
        r, z, n = jnp.split(h @ recurrent + bias, 3, axis=-1)
        r, z = nnx.sigmoid(own_r + r), nnx.sigmoid(own_z + z)
        h = z * h + (1 - z) * nnx.tanh(own_n + r * n)
        return h, h

    first = _first_state(rnn, x)
    if isinstance(rnn.cell, nnx.OptimizedLSTMCell):
        _, found = jax.lax.scan(lstm, first, weighed + bias)
    else:
        _, found = jax.lax.scan(gru, first, weighed)
    return found.swapaxes(0, 1)


def _first_state(rnn: nnx.RNN, x: jax.Array) -> jax.Array | tuple[jax.Array, jax.Array]:
    zeros = jnp.zeros((len(x), rnn.cell.hidden_features), x.dtype)
    return (zeros, zeros) if isinstance(rnn.cell, nnx.OptimizedLSTMCell) else zeros
