"""What a user may write for a model, a backend or a division."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from benchbench.plugins.contract import BackendInfo, Division
    from benchbench.plugins.registry import Registry
    from benchbench.spec.model import ModelSpec


class DivisionChoice(StrEnum):
    """What `--division` takes."""

    IDIOMATIC = "idiomatic"
    TUNED = "tuned"
    ALL = "all"


def find_model(name: str, registry: Registry) -> ModelSpec:
    """Return the model of this name or in this file. Raises UsageError."""
    if name.endswith(".toml") or "/" in name:
        from benchbench.spec.files import load_model

        return load_model(Path(name))
    return registry.model(name)


def find_backend(name: str, registry: Registry) -> BackendInfo:
    """Return the backend of this name, if its framework is installed.

    Raises UsageError, with the nearest name, or Unavailable, with the command that installs it.
    """
    from benchbench.plugins.registry import install_command, missing_requirements

    info = registry.backend(name)
    missing = missing_requirements(info)
    if missing:
        raise Unavailable(
            f"the backend '{name}' needs {', '.join(missing)}, which is not installed; "
            f"install it with: {install_command(info)}"
        )
    return info


def find_divisions(info: BackendInfo, choice: DivisionChoice) -> tuple[Division, ...]:
    """Return the divisions of the backend that were chosen. Raises UsageError if it has none."""
    wanted = tuple(one for one in info.divisions if choice in {DivisionChoice.ALL, one})
    if not wanted:
        raise UsageError(
            f"the backend '{info.name}' has no division '{choice}'; it has "
            f"{', '.join(info.divisions)} (--division all takes what there is)"
        )
    return wanted
