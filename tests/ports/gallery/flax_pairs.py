"""One half of pairs across frameworks: `torch_pairs`."""

import jax.numpy as jnp
import optax
from flax import nnx


def _weighted(logits, labels):
    weights = jnp.array([1.0, 2.0, 1.0])[labels]
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return (weights * losses).sum() / weights.sum()


class _Layers(nnx.Module):
    def __init__(self, rngs):
        self.first, self.last = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.first(x)))


def weights_made_once():
    return _Layers(nnx.Rngs(0)), optax.sgd(0.1), _weighted


def last_trained():
    module = _Layers(nnx.Rngs(0))
    last = nnx.All(nnx.Param, nnx.PathContains("last"))
    optimizer = nnx.Optimizer(module, optax.sgd(0.1), wrt=last)
    return module, optimizer, optax.softmax_cross_entropy_with_integer_labels


class _PlacesFirst(nnx.Module):
    def __init__(self, rngs):
        self.places, self.tokens = nnx.Embed(64, 8, rngs=rngs), nnx.Embed(20, 8, rngs=rngs)
        self.up, self.last = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, tokens):
        x = self.tokens(tokens) + self.places(jnp.arange(tokens.shape[1]))
        return self.last(jnp.tanh(self.up(x)).mean(1))


def places_first():
    loss = optax.softmax_cross_entropy_with_integer_labels
    return _PlacesFirst(nnx.Rngs(0)), optax.sgd(0.1), loss
