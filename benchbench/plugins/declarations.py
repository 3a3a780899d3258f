"""What a plugin declares, as data: read in one process, used in others that do not import it.

Functions stay with the plugin. In a declaration that was read elsewhere each is a `PluginFunction`,
which imports the plugin where it is first called: in a worker, not in the command that starts it.
"""

from __future__ import annotations

import functools
from importlib import metadata
from typing import Any, TypeVar

import msgspec

from benchbench.data.dataset import DatasetInfo
from benchbench.errors import PluginError
from benchbench.plugins.contract import BackendInfo, Deviation, ExecutorInfo
from benchbench.plugins.loading import Offered, load_plugin
from benchbench.spec.model import ModelSpec

Declared = TypeVar("Declared", bound=msgspec.Struct)


class DeviationDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A `Deviation` but for the function that says to which models it applies."""

    rung: str
    start: str
    least: float
    most: float
    reason: str
    divisions: tuple[str, ...] | None


class BackendDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A `BackendInfo` but for its functions; `module` is that of `create`."""

    name: str
    module: str
    requires: tuple[str, ...]
    divisions: tuple[str, ...]
    install: str | None
    environment: tuple[tuple[str, str], ...]
    removes: tuple[str, ...]
    notes: tuple[str, ...]
    deviations: tuple[DeviationDeclaration, ...]
    deterministic: bool
    ports: tuple[tuple[str, str], ...]


class FunctionDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A data set or an executor: its name, and the module of its function."""

    name: str
    module: str


class PluginDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """All that one plugin offers."""

    backends: tuple[BackendDeclaration, ...]
    models: tuple[ModelSpec, ...]
    datasets: tuple[FunctionDeclaration, ...]
    executors: tuple[FunctionDeclaration, ...]


class PluginFunction(msgspec.Struct, frozen=True):
    """A function of a plugin, by its place: the plugin is imported when this is called.

    `kind` is a field of `Offered`, `name` that of the item there, `attribute` the function's; of a
    deviation's function `place` is the deviation's. `module` is the function's.
    """

    plugin: str
    target: str
    kind: str
    name: str
    attribute: str
    module: str
    place: int | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the function. Raises PluginError where the plugin no longer has it."""
        for item in getattr(_loaded(self.plugin, self.target), self.kind):
            if item.name == self.name:
                owner = item if self.place is None else item.deviations[self.place]
                return getattr(owner, self.attribute)(*arguments)
        raise PluginError(
            f"the plugin '{self.plugin}' declared '{self.name}' among its {self.kind} when it was "
            f"read, and does not offer it now: a plugin must declare the same in every process"
        )


def describe(offered: Offered, plugin_module: str) -> PluginDeclaration:
    """Return what a plugin offers, but for its functions. Raises PluginError for a wrong type."""
    module_of = functools.partial(_module_of, otherwise=plugin_module)
    return PluginDeclaration(
        backends=tuple(
            _typed(
                _attributes(info, BackendDeclaration)
                | {"module": module_of(info.create), "deviations": _deviations(info)},
                BackendDeclaration,
                f"the backend '{info.name}'",
            )
            for info in offered.backends
        ),
        models=tuple(
            _typed(msgspec.to_builtins(model), ModelSpec, f"the model '{model.name}'")
            for model in offered.models
        ),
        datasets=tuple(
            FunctionDeclaration(name=info.name, module=module_of(info.load))
            for info in offered.datasets
        ),
        executors=tuple(
            FunctionDeclaration(name=info.name, module=module_of(info.create))
            for info in offered.executors
        ),
    )


def rebuild(declared: PluginDeclaration, entry_point: metadata.EntryPoint) -> Offered:
    """Return what a plugin offers, its functions as `PluginFunction`s."""
    function = functools.partial(PluginFunction, entry_point.name, entry_point.value)
    return Offered(
        backends=tuple(_backend(one, function) for one in declared.backends),
        models=declared.models,
        datasets=tuple(
            DatasetInfo(one.name, function("datasets", one.name, "load", one.module))
            for one in declared.datasets
        ),
        executors=tuple(
            ExecutorInfo(one.name, function("executors", one.name, "create", one.module))
            for one in declared.executors
        ),
    )


def _backend(declared: BackendDeclaration, function: Any) -> BackendInfo:
    deviations = [
        Deviation(
            **msgspec.structs.asdict(one),
            applies=function("backends", declared.name, "applies", declared.module, place),
        )
        for place, one in enumerate(declared.deviations)
    ]
    plain = msgspec.structs.asdict(declared)
    create = function("backends", declared.name, "create", plain.pop("module"))
    return BackendInfo(**plain | {"create": create, "deviations": tuple(deviations)})


def _typed(content: Any, kind: type[Declared], owner: str) -> Declared:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise PluginError(f"{owner} declares a wrong type: {error}") from None


def _deviations(info: BackendInfo) -> Any:
    """Return the deviations without their functions; what is none, as it is, to be refused."""
    if not isinstance(info.deviations, list | tuple):
        return info.deviations
    return [
        _attributes(one, DeviationDeclaration) if isinstance(one, Deviation) else one
        for one in info.deviations
    ]


def _attributes(source: object, kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {name: getattr(source, name) for name in kind.__struct_fields__ if hasattr(source, name)}


def _module_of(function: Any, otherwise: str) -> str:
    """Return the module in which a function is defined; of a `partial` its function's."""
    module = getattr(getattr(function, "func", function), "__module__", None)
    return module if isinstance(module, str) else otherwise


@functools.cache
def _loaded(plugin: str, target: str) -> Offered:
    """Import a plugin, once a process."""
    return load_plugin(metadata.EntryPoint(plugin, target, "benchbench"))
