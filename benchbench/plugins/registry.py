"""Find plugins one by one; keep the good, quarantine the bad with the reason.

pluggy's own bulk loader stops at the first plugin that fails to import. Here each entry point of
the group `benchbench` is loaded by itself, and what fails costs nobody else anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import pluggy

from benchbench.data.catalog import QUICK, RESERVED
from benchbench.data.dataset import DatasetInfo
from benchbench.errors import PluginError, UsageError, nearest
from benchbench.plugins import hookspecs
from benchbench.plugins.contract import API_VERSION, RENAMED_SINCE_1, BackendInfo, ExecutorInfo
from benchbench.spec.catalog import MODELS
from benchbench.spec.model import ModelSpec

# The names of backends, divisions and data sets; those of models have the same form.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")

DISABLE_VARIABLE = "BENCHBENCH_DISABLE"

Thing = TypeVar("Thing", BackendInfo, ModelSpec, DatasetInfo, ExecutorInfo)


@dataclass(frozen=True, slots=True)
class Offer(Generic[Thing]):
    """Something a plugin offers, and the distribution it came from."""

    item: Thing
    distribution: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A plugin that was not let in, and why; `disabled` if the user wants it so."""

    plugin: str
    distribution: str
    reason: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Registry:
    """All that plugins offer, by name. `models` holds the catalog of the core as well."""

    backends: Mapping[str, Offer[BackendInfo]]
    models: Mapping[str, Offer[ModelSpec]]
    datasets: Mapping[str, Offer[DatasetInfo]]
    executors: Mapping[str, Offer[ExecutorInfo]]
    quarantined: tuple[Quarantined, ...]

    def backend(self, name: str) -> BackendInfo:
        """Return the backend of this name. Raises UsageError, with the nearest name."""
        return self._find("backend", self.backends, name).item

    def model(self, name: str) -> ModelSpec:
        """Return the model of this name. Raises UsageError, with the nearest name."""
        return self._find("model", self.models, name).item

    def _find(self, kind: str, offers: Mapping[str, Offer[Thing]], name: str) -> Offer[Thing]:
        if name in offers:
            return offers[name]
        for bad in self.quarantined:
            if name == bad.plugin:
                raise UsageError(
                    f"the plugin '{name}' of {bad.distribution} is quarantined: {bad.reason}"
                )
        raise UsageError(
            f"there is no {kind} '{name}'{nearest(name, offers)} "
            f"(known: {', '.join(offers) or 'none'}; see `benchbench list`)"
        )


@dataclass
class _Collector:
    """Takes what plugins offer, one plugin at a time; two claims on a name are an error."""

    backends: dict[str, Offer[BackendInfo]] = field(default_factory=dict)
    models: dict[str, Offer[ModelSpec]] = field(default_factory=dict)
    datasets: dict[str, Offer[DatasetInfo]] = field(default_factory=dict)
    executors: dict[str, Offer[ExecutorInfo]] = field(default_factory=dict)

    def add(self, hooks: Any, distribution: str) -> None:
        """Add all or, if anything is wrong, nothing. Raises PluginError."""
        backends = self._offers(hooks.benchbench_backends, BackendInfo, distribution, self.backends)
        models = self._offers(hooks.benchbench_models, ModelSpec, distribution, self.models)
        datasets = self._offers(hooks.benchbench_datasets, DatasetInfo, distribution, self.datasets)
        executors = self._offers(
            hooks.benchbench_executors, ExecutorInfo, distribution, self.executors
        )
        self.backends |= backends
        self.models |= models
        self.datasets |= datasets
        self.executors |= executors

    def _offers(
        self,
        hook: Callable[[], list[list[Thing]]],
        kind: type[Thing],
        distribution: str,
        taken: Mapping[str, Offer[Thing]],
    ) -> dict[str, Offer[Thing]]:
        offers: dict[str, Offer[Thing]] = {}
        for answer in hook():
            if not isinstance(answer, list | tuple):
                raise PluginError(
                    f"its hook must return a list of {kind.__name__}, but returned {answer!r}"
                )
            for item in answer:
                if not isinstance(item, kind):
                    raise PluginError(f"its hook must offer {kind.__name__}, but offered {item!r}")
                _check_names(item)
                if kind is DatasetInfo and (item.name in RESERVED or item.name.endswith(QUICK)):
                    raise PluginError(
                        f"no data set of a plugin may be named '{item.name}': the names "
                        f"{', '.join(RESERVED)}, and those that end in {QUICK}, are the core's"
                    )
                if kind is ExecutorInfo and item.name == "local":
                    raise PluginError(
                        "no executor of a plugin may be named 'local': it is the core's"
                    )
                rival = offers.get(item.name) or taken.get(item.name)
                if rival:
                    raise PluginError(
                        f"the name '{item.name}' is claimed by two distributions: "
                        f"{rival.distribution} has it, {distribution} wants it too; uninstall one "
                        f"or set {DISABLE_VARIABLE}"
                    )
                offers[item.name] = Offer(item, distribution)
        return offers


def _check_names(item: BackendInfo | ModelSpec | DatasetInfo | ExecutorInfo) -> None:
    """Raise PluginError for a name that a file, a table or a command line cannot hold."""
    divisions = item.divisions if isinstance(item, BackendInfo) else ()
    for name in (item.name, *divisions):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{type(item).__name__} has the name {name!r}: expected 1 to 80 small letters, "
                f"digits, '.', '_' and '-', the first a letter or digit"
            )
    if isinstance(item, BackendInfo) and "idiomatic" not in divisions:
        raise PluginError(
            f"the backend '{item.name}' has the divisions {', '.join(divisions) or 'none'}: "
            f"expected 'idiomatic' among them"
        )


def load_registry(entry_points: Iterable[metadata.EntryPoint] | None = None) -> Registry:
    """Load every installed plugin that is not named in `BENCHBENCH_DISABLE` (comma-separated).

    Entry points are taken in the order of distribution and name, so that who is first does not
    depend on the file system.
    """
    if entry_points is None:
        entry_points = metadata.entry_points(group=hookspecs.PROJECT)
    disabled = {name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",")}
    collector = _Collector()
    for model in MODELS.values():
        collector.models[model.name] = Offer(model, "benchbench-harness")
    quarantined = []
    for entry_point in sorted(entry_points, key=_seniority):
        distribution = _distribution(entry_point)
        if entry_point.name in disabled:
            reason = f"disabled by {DISABLE_VARIABLE}"
        else:
            try:
                collector.add(_load(entry_point), distribution)
                continue
            except KeyboardInterrupt:
                raise
            except PluginError as error:
                reason = str(error)
            # A plugin is a stranger's code: whatever it raises, SystemExit too, is its own trouble.
            except BaseException as error:
                reason = f"{type(error).__name__}: {error}"
        quarantined.append(
            Quarantined(entry_point.name, distribution, reason, entry_point.name in disabled)
        )
    return Registry(
        backends=MappingProxyType(collector.backends),
        models=MappingProxyType(collector.models),
        datasets=MappingProxyType(collector.datasets),
        executors=MappingProxyType(collector.executors),
        quarantined=tuple(quarantined),
    )


def missing_requirements(info: BackendInfo) -> tuple[str, ...]:
    """Return the distributions that the backend needs and that are not installed."""
    return tuple(
        requirement
        for requirement in info.requires
        if not any(_installed(name.strip()) for name in requirement.split("|"))
    )


def install_command(info: BackendInfo) -> str:
    """Return the command that installs what the backend needs."""
    if info.install:
        return info.install
    names = (requirement.split("|")[0].strip() for requirement in info.requires)
    return f"pip install {' '.join(names)}"


def _load(entry_point: metadata.EntryPoint) -> Any:
    """Import one plugin and return its hooks, validated, in a pluggy manager of its own."""
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
    return manager.hook


def _seniority(entry_point: metadata.EntryPoint) -> tuple[bool, str, str]:
    distribution = _distribution(entry_point)
    return distribution != "benchbench-harness", distribution, entry_point.name


def _distribution(entry_point: metadata.EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else "unknown distribution"


def _installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
