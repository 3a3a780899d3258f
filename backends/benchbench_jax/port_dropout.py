"""Dropout in a user's Flax module: left out, and the rate of each call noted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from flax import nnx

from benchbench_jax.port_layers import modules_of

# Where a layer that is left out keeps its rate.
_NOTED = "noted_rate"


Dropped: TypeAlias = "list[tuple[float, str]]"


def leave_out(module: nnx.Module) -> Dropped:
    """Set all rates to zero; return those of layers that drop inside, and what they drop."""
    dropped: Dropped = []
    for _, layer in modules_of(module):
        if isinstance(layer, nnx.Dropout):
            setattr(layer, _NOTED, float(layer.rate))
            layer.rate = 0.0
        elif isinstance(layer, nnx.MultiHeadAttention):
            dropped.append((float(layer.dropout_rate), ""))
            layer.dropout_rate = 0.0
    return dropped


@contextmanager
def noting(dropped: Dropped) -> Iterator[None]:
    """Add the rate of each call that would drop, meanwhile."""
    original = nnx.Dropout.__call__

    def call(self: Any, inputs: Any, *, deterministic: bool | None = None, **named: Any) -> Any:
        still = self.deterministic if deterministic is None else deterministic
        if not still:
            kind = "channels" if self.broadcast_dims else ""
            dropped.append((getattr(self, _NOTED, 0.0), kind))
        return original(self, inputs, deterministic=deterministic, **named)

    nnx.Dropout.__call__ = call
    try:
        yield
    finally:
        nnx.Dropout.__call__ = original
