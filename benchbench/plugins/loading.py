"""Import one plugin and ask it for what it offers, in the process that calls this.

What a plugin's module does when it is imported happens here: raise, hang, end the process. See
`reading` for how a command is kept from that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any, TypeVar

import pluggy

from benchbench.data.dataset import DatasetInfo
from benchbench.errors import PluginError
from benchbench.plugins import hookspecs
from benchbench.plugins.contract import API_VERSION, RENAMED_SINCE_1, BackendInfo, ExecutorInfo
from benchbench.spec.model import ModelSpec

Thing = TypeVar("Thing", BackendInfo, ModelSpec, DatasetInfo, ExecutorInfo)

# So much of what a plugin returned in place of a declaration goes into a sentence.
_SHOWN = 200


@dataclass(frozen=True)
class Offered:
    """All that one plugin offers, in its order."""

    backends: tuple[BackendInfo, ...]
    models: tuple[ModelSpec, ...]
    datasets: tuple[DatasetInfo, ...]
    executors: tuple[ExecutorInfo, ...]


def load_plugin(entry_point: metadata.EntryPoint) -> Offered:
    """Import one plugin and call its hooks, in a pluggy manager of its own.

    Raises PluginError, and what the plugin raises.
    """
    plugin = entry_point.load()
    wanted = getattr(plugin, "BENCHBENCH_API_VERSION", API_VERSION)
    if wanted != API_VERSION:
        renamed = f": {RENAMED_SINCE_1}; then set it to {API_VERSION}" if wanted == 1 else ""
        raise PluginError(
            f"its BENCHBENCH_API_VERSION is {wanted}, but this benchbench has version "
            f"{API_VERSION} of the plugin API{renamed}"
        )
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=entry_point.name)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginError("it implements no hook of benchbench: is `@benchbench.hookimpl` missing?")
    hooks: Any = manager.hook
    return Offered(
        backends=_items(hooks.benchbench_backends, BackendInfo),
        models=_items(hooks.benchbench_models, ModelSpec),
        datasets=_items(hooks.benchbench_datasets, DatasetInfo),
        executors=_items(hooks.benchbench_executors, ExecutorInfo),
    )


def _items(hook: Callable[[], list[Any]], kind: type[Thing]) -> tuple[Thing, ...]:
    items: list[Thing] = []
    for answer in hook():
        if not isinstance(answer, list | tuple):
            raise PluginError(
                f"its hook must return a list of {kind.__name__}, but returned {_shown(answer)}"
            )
        for item in answer:
            if not isinstance(item, kind):
                raise PluginError(
                    f"its hook must offer {kind.__name__}, but offered {_shown(item)}"
                )
            items.append(item)
    return tuple(items)


def _shown(value: object) -> str:
    return repr(value)[:_SHOWN]
