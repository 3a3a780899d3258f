"""What is there, as people read it: backends, models, data sets, devices, plugins left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchbench.plugins.entry_points import CORE
from benchbench.report.document import Document, Grid, grid
from benchbench.report.text import count, data_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.plugins.inventory import (
        BackendEntry,
        DatasetEntry,
        Inventory,
        ModelEntry,
        PluginEntry,
    )
    from benchbench.run.probe import Probe

# Which distribution offers it.
_SOURCE = "from"


def build(found: Inventory, probes: Sequence[Probe] | None) -> Document:
    """Return a table of each kind; of devices only where backends were asked for them."""
    blocks = [backends(found.backends), _models(found.models), _datasets(found.datasets)]
    if found.plugins_left_out:
        blocks.append(plugins(found.plugins_left_out))
    if probes is not None:
        blocks.append(devices(probes))
    return tuple(blocks)


def backends(entries: Sequence[BackendEntry]) -> Grid:
    """Return the backends, a line each, with versions or the command that installs them."""
    rows = [
        [
            entry.name,
            ", ".join(entry.divisions),
            "ready" if entry.ready else f"missing {', '.join(entry.missing)}: {entry.install}",
            ", ".join(f"{name} {version}" for name, version in entry.versions.items()),
            entry.distribution,
        ]
        for entry in entries
    ]
    headers = ["backend", "divisions", "status", "installed", _SOURCE]
    return _without_source(grid(rows, headers, states=["status"]))


def plugins(entries: Sequence[PluginEntry]) -> Grid:
    """Return the plugins that were not let in, a line each, with the reason."""
    rows = [
        [
            entry.name,
            entry.distribution,
            "disabled" if entry.disabled else "quarantined",
            entry.reason,
        ]
        for entry in entries
    ]
    return grid(rows, ["plugin left out", _SOURCE, "state", "reason"], states=["state"])


def devices(probes: Sequence[Probe]) -> Grid:
    """Return what each backend said of its devices, a line each."""
    rows = [
        [probe.backend, ", ".join(probe.devices) or f"no answer: {probe.error or ''}"]
        for probe in probes
    ]
    return grid(rows, ["backend", "devices"])


def _models(entries: Sequence[ModelEntry]) -> Grid:
    rows = [
        [
            entry.name,
            count(entry.parameter_count),
            data_set(entry.dataset) if entry.dataset else "",
            entry.distribution,
        ]
        for entry in entries
    ]
    headers = ["model", "parameters", "trained on", _SOURCE]
    return _without_source(grid(rows, headers, right=("parameters",)))


def _datasets(entries: Sequence[DatasetEntry]) -> Grid:
    states = {True: "ready", False: "missing", None: "unknown"}
    rows = [[entry.name, states[entry.found], entry.note, entry.distribution] for entry in entries]
    return _without_source(grid(rows, ["data set", "status", "where", _SOURCE], states=["status"]))


def _without_source(table: Grid) -> Grid:
    """Leave the last column out where no plugin of another distribution offers anything."""
    if any(row[-1] != CORE for row in table.rows):
        return table
    rows = tuple(row[:-1] for row in table.rows)
    return replace(table, headers=table.headers[:-1], rows=rows)
