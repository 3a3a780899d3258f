"""What a user may write for a model: a name, or the path of a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchbench.plugins.registry import Registry
    from benchbench.spec.model import ModelSpec


def find_model(name: str, registry: Registry) -> ModelSpec:
    """Return the model of this name or in this file. Raises UsageError."""
    if name.endswith(".toml") or "/" in name:
        from benchbench.spec.files import load_model

        return load_model(Path(name))
    return registry.model(name)
