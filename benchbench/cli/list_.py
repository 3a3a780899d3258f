"""`benchbench list`: what is ready, what is missing and how to install it, what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.cli import options
from benchbench.cli.output import answer

if TYPE_CHECKING:
    from benchbench.run.probe import Probe


def list_(
    devices: Annotated[
        bool,
        typer.Option("--devices", help="Import each ready backend and ask it for its devices."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Say which backends, models and data sets there are, and how to get what is missing."""
    from benchbench.plugins import inventory
    from benchbench.plugins.registry import load_registry
    from benchbench.report import inventory as inventory_report

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
    answer(
        inventory.content(found, probes),
        lambda: inventory_report.build(found, probes),
        as_json=as_json,
        plain=True,
    )
