"""Find plugins one by one; keep the good, quarantine the bad with the reason.

No plugin is imported here: each entry point of the group `benchbench` is read by itself in another
process (`reading`), and what fails, ends that process or hangs it costs nobody else anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import Generic, TypeVar

from benchbench.data.dataset import DatasetInfo
from benchbench.data.names import QUICK, RESERVED
from benchbench.errors import PluginError, UsageError, nearest
from benchbench.plugins import reading
from benchbench.plugins.contract import BackendInfo, ExecutorInfo
from benchbench.plugins.declarations import rebuild
from benchbench.plugins.entry_points import CORE, distribution_of, find_entry_points
from benchbench.plugins.loading import Offered
from benchbench.plugins.plugin_files import file_of
from benchbench.plugins.reading_process import Reading
from benchbench.spec.catalog import MODELS, MORE_MODELS
from benchbench.spec.model import ModelSpec

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
        self.must_not_be_quarantined(name)
        out = [f"{bad.plugin} of {bad.distribution}" for bad in self.quarantined]
        left_out = f"; left out: {', '.join(out)}" if out else ""
        raise UsageError(
            f"there is no {kind} '{name}'{nearest(name, offers)} "
            f"(known: {', '.join(offers) or 'none'}{left_out}; see `benchbench list`)"
        )

    def must_not_be_quarantined(self, name: str) -> None:
        """Raise UsageError, with the reason, for the name of a plugin that was not let in."""
        for bad in self.quarantined:
            if name == bad.plugin:
                raise UsageError(
                    f"the plugin '{name}' of {bad.distribution} is quarantined: {bad.reason}"
                )


@dataclass
class _Collector:
    """Takes what plugins offer, one plugin at a time; two claims on a name are an error."""

    backends: dict[str, Offer[BackendInfo]] = field(default_factory=dict)
    models: dict[str, Offer[ModelSpec]] = field(default_factory=dict)
    datasets: dict[str, Offer[DatasetInfo]] = field(default_factory=dict)
    executors: dict[str, Offer[ExecutorInfo]] = field(default_factory=dict)

    def add(self, offered: Offered, distribution: str) -> None:
        """Add all or, if a name is taken, nothing. Raises PluginError."""
        for info in offered.datasets:
            if info.name in RESERVED or info.name.endswith(QUICK):
                raise PluginError(
                    f"no data set of a plugin may be named '{info.name}': the names "
                    f"{', '.join(RESERVED)}, and those that end in {QUICK}, are the core's"
                )
        for executor in offered.executors:
            if executor.name == "local":
                raise PluginError("no executor of a plugin may be named 'local': it is the core's")
        backends = _offers(offered.backends, distribution, self.backends)
        models = _offers(offered.models, distribution, self.models)
        datasets = _offers(offered.datasets, distribution, self.datasets)
        executors = _offers(offered.executors, distribution, self.executors)
        self.backends |= backends
        self.models |= models
        self.datasets |= datasets
        self.executors |= executors


def _offers(
    items: Iterable[Thing], distribution: str, taken: Mapping[str, Offer[Thing]]
) -> dict[str, Offer[Thing]]:
    """Return the items by name. Raises PluginError for a name that is taken."""
    offers: dict[str, Offer[Thing]] = {}
    for item in items:
        rival = offers.get(item.name) or taken.get(item.name)
        if rival:
            raise PluginError(
                f"the name '{item.name}' is claimed by two distributions: "
                f"{rival.distribution} has it, {distribution} wants it too; uninstall one "
                f"or set {DISABLE_VARIABLE}"
            )
        offers[item.name] = Offer(item, distribution)
    return offers


def load_registry(*, retry: bool = True) -> Registry:
    """Read every installed plugin that is not named in `BENCHBENCH_DISABLE` (comma-separated).

    `retry`: plugins that could not be read are tried again after a while; a worker's process leaves
    that to others.
    """
    disabled = {name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",")}
    collector = _Collector()
    for model in (*MODELS.values(), *MORE_MODELS.values()):
        collector.models[model.name] = Offer(model, CORE)
    found = find_entry_points()
    wanted = [entry_point for entry_point in found if entry_point.name not in disabled]
    readings = iter(reading.read(wanted, retry=retry))
    quarantined = []
    for entry_point in found:
        distribution = distribution_of(entry_point)
        if entry_point.name in disabled:
            reason: str | None = f"disabled by {DISABLE_VARIABLE}"
        else:
            reason = _add(collector, entry_point, next(readings))
        if reason is not None:
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


def _add(collector: _Collector, entry_point: metadata.EntryPoint, read: Reading) -> str | None:
    """Add what a plugin declares; return why it is left out, if it is."""
    if read.declaration is None:
        if file_of(entry_point):
            return f"{read.refusal}; mend the file"
        return (
            f"{read.refusal}; mend or uninstall {distribution_of(entry_point)}, or set "
            f"{DISABLE_VARIABLE}={entry_point.name} (it is read again when its files change, or "
            f"after an hour)"
        )
    try:
        collector.add(rebuild(read.declaration, entry_point), distribution_of(entry_point))
    except PluginError as error:
        return str(error)
    return None


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


def _installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
