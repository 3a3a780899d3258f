"""The layers of the spec that have no variables, and the activations, as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx

from benchbench import (
    LEAKY_SLOPE,
    Activation,
    AvgPool2D,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    Reshape,
    Unsupported,
)

Function = Callable[[jax.Array], jax.Array]


def leaky_relu(x: jax.Array) -> jax.Array:
    """Return x where x > 0, else 0.2 x; `nnx.leaky_relu` has derivative 1 at 0, the spec 0.2."""
    return jnp.where(x > 0, x, LEAKY_SLOPE * x)


# `nnx.gelu` alone is the approximation by tanh.
ACTIVATIONS: dict[str, Function] = {
    "linear": lambda x: x,
    "relu": nnx.relu,
    "relu6": nnx.relu6,
    "leaky_relu": leaky_relu,
    "elu": nnx.elu,
    "gelu": partial(nnx.gelu, approximate=False),
    "gelu_tanh": partial(nnx.gelu, approximate=True),
    "silu": nnx.silu,
    "tanh": nnx.tanh,
    "sigmoid": nnx.sigmoid,
}


def apply(layer: Layer, x: jax.Array) -> jax.Array:  # noqa: PLR0911 - one a kind
    """Return what a layer without variables makes of x, (n, *input_shape). Raises Unsupported."""
    match layer:
        case Flatten():
            return x.reshape(len(x), -1)
        case Reshape():
            return x.reshape(len(x), *layer.shape)
        case Activation():
            return ACTIVATIONS[layer.function](x)
        case MaxPool2D():
            return nnx.max_pool(x, layer.pool_size, layer.steps, layer.padding.upper())
        case AvgPool2D():
            return nnx.avg_pool(
                x, layer.pool_size, layer.steps, layer.padding.upper(), count_include_pad=False
            )
        case GlobalAvgPool2D():
            return x.mean((1, 2))
        case GlobalAvgPool1D():
            return x.mean(1)
    raise Unsupported(f"jax has no layer {type(layer).__name__}")


def apply_fast(layer: Layer, x: jax.Array) -> jax.Array:
    """Do what `apply` does; the maximum of windows side by side comes from strided slices.

    Values, derivatives and ties (the first maximum takes the derivative) are the same. On a CPU the
    gradient of XLA's `reduce_window` costs several times as much.
    """
    if not (isinstance(layer, MaxPool2D) and has_windows_side_by_side(layer)):
        return apply(layer, x)
    height, width = layer.pool_size
    rows, columns = x.shape[1] // height * height, x.shape[2] // width * width
    parts = [
        x[:, row:rows:height, column:columns:width]
        for row in range(height)
        for column in range(width)
    ]
    largest = parts[0]
    for part in parts[1:]:
        largest = jnp.where(part > largest, part, largest)
    return largest


def has_windows_side_by_side(layer: MaxPool2D) -> bool:
    """Return whether no window overlaps another or reaches over the border."""
    return layer.steps == layer.pool_size and layer.padding == "valid"
