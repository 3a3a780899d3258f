"""What a user may write for a model, a backend or a division."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.errors import BenchbenchError, Unavailable, UsageError, nearest

if TYPE_CHECKING:
    from benchbench.plugins.contract import BackendInfo
    from benchbench.plugins.registry import Registry
    from benchbench.spec.model import ModelSpec


# The executor that is this machine.
LOCAL = "local"
# In place of a division's name: every division that a backend has.
ALL_DIVISIONS = "all"


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


def backends_of_file(name: str, registry: Registry) -> list[BackendInfo]:
    """Return the backends that an announced plugin file offers. Raises UsageError for none."""
    from benchbench.plugins.declarations import PluginFunction

    stem = Path(name).stem
    registry.must_not_be_quarantined(stem)
    found = [
        find_backend(offer.item.name, registry)
        for offer in registry.backends.values()
        if isinstance(offer.item.create, PluginFunction) and offer.item.create.plugin == stem
    ]
    if not found:
        raise UsageError(f"--backend {name}: the file offers no backend (`benchbench_backends`)")
    return found


def find_divisions(info: BackendInfo, choice: str) -> tuple[str, ...]:
    """Return the divisions of the backend that were chosen: one, several with commas, or all.

    Raises UsageError for one that it does not have.
    """
    wanted = [name.strip() for name in choice.split(",")]
    for name in wanted:
        if name not in {ALL_DIVISIONS, *info.divisions}:
            raise UsageError(
                f"the backend '{info.name}' has no division '{name}'"
                f"{nearest(name, info.divisions)} (it has {', '.join(info.divisions)}; "
                f"--division all takes what there is)"
            )
    return tuple(name for name in info.divisions if {name, ALL_DIVISIONS} & set(wanted))


def find_device(info: BackendInfo, wanted: str) -> str:
    """Ask the backend, in a process of its own, for its devices; return the one that is wanted.

    The CPU is not asked for: every backend has it. Raises Unavailable, with the devices it has.
    """
    from benchbench.plugins.devices import resolve_device
    from benchbench.run.probe import probe

    if wanted == "cpu":
        return wanted
    answer = probe(info)
    if answer.error:
        raise BenchbenchError(f"the backend '{info.name}' did not name its devices: {answer.error}")
    return resolve_device(wanted, answer.devices, info.name)
