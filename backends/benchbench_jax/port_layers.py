"""The layers of a user's Flax NNX module by Keras's names: kinds, roles, settings."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import nnx

from benchbench.plugins.ports import PortSetting

PLAIN: dict[type, tuple[str, dict[str, str]]] = {
    nnx.Linear: ("Dense", {"kernel": "kernel", "bias": "bias"}),
    nnx.Embed: ("Embedding", {"embeddings": "embedding"}),
    nnx.LayerNorm: ("LayerNormalization", {"gamma": "scale", "beta": "bias"}),
    nnx.BatchNorm: (
        "BatchNormalization",
        {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"},
    ),
    nnx.Conv: ("Conv", {"kernel": "kernel", "bias": "bias"}),
}


def settings_of(layer: Any) -> dict[str, PortSetting]:
    """Return what changes the function, by Keras's names."""
    if isinstance(layer, nnx.BatchNorm):
        return {"epsilon": layer.epsilon, "momentum": layer.momentum}
    if isinstance(layer, nnx.LayerNorm):
        return {"epsilon": layer.epsilon}
    if not isinstance(layer, nnx.Conv):
        return {}
    rank = len(layer.kernel_size)
    padding = layer.padding if isinstance(layer.padding, str) else f"{layer.padding} on both sides"
    return {
        "strides": str(_repeated(layer.strides, rank)),
        "padding": padding.lower(),
        "dilation_rate": str(_repeated(layer.kernel_dilation, rank)),
        "groups": layer.feature_group_count,
    }


def pair_of(value: Any) -> tuple[int, int]:
    """Return a size of two axes, given as one number, as two, or not at all."""
    first, second = _repeated(value, 2)
    return first, second


def _repeated(value: Any, rank: int) -> tuple[int, ...]:
    if value is None:
        return (1,) * rank
    return (value,) * rank if isinstance(value, int) else tuple(value)


def is_array(variable: Any) -> bool:
    """Say whether a variable holds numbers, which a bias that is left out does not."""
    value: Any = variable.get_value() if isinstance(variable, nnx.Variable) else None
    return hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.floating)


def is_trained(variable: Any) -> bool:
    """Say whether optimizers move it; statistics they do not."""
    return isinstance(variable, nnx.Param)
