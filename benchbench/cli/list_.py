"""`benchbench list`: what is ready, what is missing and how to install it, what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.cli import options

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


def list_(
    devices: Annotated[
        bool,
        typer.Option("--devices", help="Import each ready backend and ask it for its devices."),
    ] = False,
    json: options.AsJson = False,
) -> None:
    """Say which backends, models and data sets there are, and how to get what is missing."""
    from benchbench.plugins import inventory
    from benchbench.plugins.registry import load_registry

    registry = load_registry()
    found = inventory.take(registry)
    probes: list[Probe] | None = None
    if devices:
        from benchbench.run.probe import probe

        probes = []
        for entry in found.backends:
            if entry.ready:
                typer.echo(f"asking {entry.name} for its devices ...", err=True)
                probes.append(probe(registry.backend(entry.name)))
    typer.echo(_as_json(found, probes) if json else _as_text(found, probes))


def _as_json(found: Inventory, probes: Sequence[Probe] | None) -> str:
    import msgspec

    answer = msgspec.to_builtins(found)
    if probes is not None:
        answer["devices"] = msgspec.to_builtins(probes)
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()


def _as_text(found: Inventory, probes: Sequence[Probe] | None) -> str:
    parts = [
        backend_table(found.backends),
        _model_table(found.models),
        _dataset_table(found.datasets),
    ]
    if found.plugins_left_out:
        parts.append(plugin_table(found.plugins_left_out))
    if probes is not None:
        parts.append(device_table(probes))
    return "\n\n".join(parts)


def backend_table(entries: Sequence[BackendEntry]) -> str:
    """Return the backends, a line each, with versions or the command that installs them."""
    from benchbench.report.text import columns

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
    return columns(rows, ["backend", "divisions", "status", "installed", "from"])


def plugin_table(entries: Sequence[PluginEntry]) -> str:
    """Return the plugins that were not let in, a line each, with the reason."""
    from benchbench.report.text import columns, one_line

    rows = [
        [
            entry.name,
            entry.distribution,
            "disabled" if entry.disabled else "quarantined",
            one_line(entry.reason),
        ]
        for entry in entries
    ]
    return columns(rows, ["plugin left out", "from", "state", "reason"])


def device_table(probes: Sequence[Probe]) -> str:
    """Return what each backend said of its devices, a line each."""
    from benchbench.report.text import columns, one_line

    rows = [
        [probe.backend, ", ".join(probe.devices) or f"no answer: {one_line(probe.error or '')}"]
        for probe in probes
    ]
    return columns(rows, ["backend", "devices"])


def _model_table(entries: Sequence[ModelEntry]) -> str:
    from benchbench.report.text import columns, count

    rows = [[entry.name, count(entry.parameter_count), entry.distribution] for entry in entries]
    return columns(rows, ["model", "parameters", "from"], right=("parameters",))


def _dataset_table(entries: Sequence[DatasetEntry]) -> str:
    from benchbench.report.text import columns

    states = {True: "ready", False: "missing", None: "unknown"}
    rows = [[entry.name, states[entry.found], entry.note, entry.distribution] for entry in entries]
    return columns(rows, ["data set", "status", "where", "from"])
