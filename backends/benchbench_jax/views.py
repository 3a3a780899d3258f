"""The two modes of a Flax module."""

from __future__ import annotations

from flax import nnx


def view_of(module: nnx.Module, *, training: bool) -> nnx.Module:
    """Return the same module, set for training or for evaluation; its variables are shared."""
    return nnx.view(
        module,
        raise_if_not_found=False,
        deterministic=not training,
        use_running_average=not training,
    )
