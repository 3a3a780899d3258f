"""Optax's gradient transformations by benchbench's formulas.

Optax has all of them but one: `optax.adam` adds epsilon to the bias-corrected root, and where the
spec adds it to the root as it is, no constant eps makes one the other:

    corrected:   rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
    uncorrected: rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)

For this one there is a transformation here, written as optax's own are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from benchbench import (
    SGD,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    TrainingProtocol,
    Unsupported,
)
from benchbench_jax.schedules import rate_of

# Which parameters are decayed: true or false for each, or the function of all that says so.
Mask = tuple[bool, ...] | Callable[[Any], Any]


def transformation(protocol: TrainingProtocol, decayed: Mask) -> optax.GradientTransformation:
    """Return the optimizer of the protocol; the same object for the same formula.

    Flax compares it when it looks for a compiled program. Raises Unsupported for another kind.
    """
    return _transformation(protocol.optimizer, protocol.clip_norm, decayed)


@functools.cache
def _transformation(
    optimizer: Optimizer, clip_norm: float | None, decayed: Mask
) -> optax.GradientTransformation:
    weight_decay = getattr(optimizer, "weight_decay", 0.0)
    return optax.chain(
        *([optax.clip_by_global_norm(clip_norm)] if clip_norm else []),
        *_direction(optimizer),
        *([optax.add_decayed_weights(weight_decay, decayed)] if weight_decay else []),
        optax.scale_by_learning_rate(rate_of(optimizer.learning_rate)),
    )


def _direction(optimizer: Optimizer) -> list[optax.GradientTransformation]:
    """Return what makes of gradients that which the learning rate is multiplied with."""
    match optimizer:
        case SGD(momentum=0.0):
            return []
        case SGD():
            return [optax.trace(optimizer.momentum, optimizer.nesterov)]
        case Adam() | AdamW() if optimizer.epsilon_added_to == "corrected_root":
            return [optax.scale_by_adam(optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)]
        case Adam() | AdamW():
            return [scale_by_uncorrected_adam(optimizer)]
        case RMSprop():
            return [optax.scale_by_rms(optimizer.rho, optimizer.epsilon)]
    raise Unsupported(f"jax has no optimizer {type(optimizer).__name__}")


def decayed_parameters(parameters: Any) -> Any:
    """Return a tree like that of the parameters, true for kernels and embeddings."""

    def is_decayed(path: tuple[Any, ...], _: Any) -> bool:
        names = [str(getattr(key, "key", "")) for key in path]
        return bool({"kernel", "embedding"} & set(names))

    return jax.tree_util.tree_map_with_path(is_decayed, parameters)


class AdamState(NamedTuple):
    """Steps taken, and the running means of the gradients and of their squares."""

    count: jax.Array
    mean: Any
    square: Any


def scale_by_uncorrected_adam(formula: Adam | AdamW) -> optax.GradientTransformation:
    """Return Adam's transformation of gradients, epsilon beside the uncorrected root."""

    def init(parameters: Any) -> AdamState:
        zeros = functools.partial(jax.tree.map, jnp.zeros_like)
        return AdamState(jnp.zeros((), jnp.int32), zeros(parameters), zeros(parameters))

    def update(gradients: Any, state: AdamState, parameters: Any = None) -> tuple[Any, AdamState]:
        del parameters
        count = state.count + 1
        mean = _running_mean(state.mean, gradients, formula.beta_1)
        square = _running_mean(state.square, jax.tree.map(jnp.square, gradients), formula.beta_2)
        scale = jnp.sqrt(_one_minus_power(formula.beta_2, count))
        scale /= _one_minus_power(formula.beta_1, count)
        updates = jax.tree.map(
            lambda m, v: scale * m / (jnp.sqrt(v) + formula.epsilon), mean, square
        )
        return updates, AdamState(count, mean, square)

    return optax.GradientTransformation(init, update)


def _running_mean(means: Any, values: Any, decay: float) -> Any:
    return jax.tree.map(lambda mean, value: decay * mean + (1 - decay) * value, means, values)


def _one_minus_power(base: float, exponent: jax.Array) -> jax.Array:
    """Return 1 - base^exponent. In float32, `1 - 0.999**1` would be 1.3e-5 off."""
    logarithm = math.log(base) if base else -math.inf
    return -jnp.expm1(exponent.astype(float) * logarithm)
