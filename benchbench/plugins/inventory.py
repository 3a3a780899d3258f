"""What there is to benchmark: backends, models, data sets, and plugins that were not let in.

Read from the metadata of what is installed and from the file system: no framework, no NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

import msgspec

from benchbench.data.names import PUBLISHED, TABLES, UNICODE_NAMES
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.entry_points import CORE
from benchbench.plugins.registry import (
    Registry,
    install_command,
    missing_requirements,
)
from benchbench.spec.catalog import dataset_for


class BackendEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A backend: what it needs, in which versions, and how to get what is missing."""

    name: str
    divisions: tuple[str, ...]
    ready: bool
    missing: tuple[str, ...]
    install: str | None
    versions: dict[str, str]
    distribution: str


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model, the data set that it is for, if it is of the core, and where it comes from."""

    name: str
    parameter_count: int
    dataset: str | None
    distribution: str


class DatasetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A data set: whether it is here (null where only loading would tell), and where or how."""

    name: str
    found: bool | None
    note: str
    distribution: str


class PluginEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was not let in, and why; `disabled` if the user wants it so."""

    name: str
    distribution: str
    reason: str
    disabled: bool


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """All that `benchbench list` knows, in the order in which it is printed."""

    backends: tuple[BackendEntry, ...]
    models: tuple[ModelEntry, ...]
    datasets: tuple[DatasetEntry, ...]
    plugins_left_out: tuple[PluginEntry, ...]


def take(registry: Registry) -> Inventory:
    """List what the registry offers, and what of it can be used here and now."""
    return Inventory(
        backends=tuple(
            _backend(offer.item, offer.distribution) for offer in registry.backends.values()
        ),
        models=tuple(
            ModelEntry(
                name=name,
                parameter_count=offer.item.parameter_count,
                dataset=dataset_for(offer.item),
                distribution=offer.distribution,
            )
            for name, offer in registry.models.items()
        ),
        datasets=tuple(_datasets(registry)),
        plugins_left_out=tuple(
            PluginEntry(
                name=plugin.plugin,
                distribution=plugin.distribution,
                reason=plugin.reason,
                disabled=plugin.disabled,
            )
            for plugin in registry.quarantined
        ),
    )


def content(found: Inventory, devices: Sequence[object] | None) -> dict[str, Any]:
    """Return the inventory as JSON has it, with what backends said of their devices, if asked."""
    plain: dict[str, Any] = msgspec.structs.asdict(found)
    return plain if devices is None else plain | {"devices": devices}


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _backend(info: BackendInfo, distribution: str) -> BackendEntry:
    missing = missing_requirements(info)
    names = [name.strip() for requirement in info.requires for name in requirement.split("|")]
    versions = {name: installed_version(name) for name in names}
    return BackendEntry(
        name=info.name,
        divisions=info.divisions,
        ready=not missing,
        missing=missing,
        install=install_command(info) if missing else None,
        versions={name: version for name, version in versions.items() if version},
        distribution=distribution,
    )


def _datasets(registry: Registry) -> Iterator[DatasetEntry]:
    from benchbench.data import mnist, published

    place = mnist.search()
    yield DatasetEntry(
        name="mnist",
        found=place is not None,
        note=f"{place.label}: {place.path}" if place else "get it with: benchbench data fetch",
        distribution=CORE,
    )
    yield DatasetEntry(
        name="digits", found=True, note="made from scikit-learn's digits", distribution=CORE
    )
    for name in TABLES:
        yield DatasetEntry(name=name, found=True, note="scikit-learn's table", distribution=CORE)
    yield DatasetEntry(
        name=UNICODE_NAMES,
        found=True,
        note="a text: the names of Unicode's characters, which Python holds",
        distribution=CORE,
    )
    yield DatasetEntry(
        name="synthetic", found=True, note="drawn for each model, for times only", distribution=CORE
    )
    for name in PUBLISHED:
        found = published.search(name)
        note = (
            f"{found.label}: {found.path}"
            if found
            else f"get it with: benchbench data fetch {name}"
        )
        yield DatasetEntry(name=name, found=found is not None, note=note, distribution=CORE)
    for name, offer in registry.datasets.items():
        yield DatasetEntry(
            name=name,
            found=None,
            note="the plugin looks for it when it is loaded",
            distribution=offer.distribution,
        )
