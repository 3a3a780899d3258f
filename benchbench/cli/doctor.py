"""`benchbench doctor`: what is installed, what is broken, how noisy this machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchbench import quantities
from benchbench.cli.output import show

if TYPE_CHECKING:
    from benchbench.report.document import Block


def doctor(
    noise: Annotated[
        float,
        typer.Option(
            help="Seconds to watch the machine for; 0 leaves it out.",
            callback=lambda value: quantities.time_limit(value, "--noise", least=0),
        ),
    ] = 30.0,
) -> None:
    """Examine the installation and the machine; exit with 1 if something is broken."""
    from benchbench.experiments import examination
    from benchbench.measure.machine import machine
    from benchbench.plugins import inventory
    from benchbench.plugins.registry import load_registry
    from benchbench.report import doctor as report
    from benchbench.report import inventory as tables
    from benchbench.run.probe import probe

    registry = load_registry()
    found = inventory.take(registry)
    _show("machine", report.machine(machine()))
    _show("versions", report.pairs(examination.versions(registry)))
    _show("backends", tables.backends(found.backends))
    probes = []
    for entry in found.backends:
        if entry.ready:
            typer.echo(f"importing {entry.name} ...", err=True)
            probes.append(probe(registry.backend(entry.name)))
    if probes:
        _show("devices", tables.devices(probes))
    _show("locations", report.pairs(examination.locations()))
    _show("environment", report.environment(examination.environment(registry)))
    if found.plugins_left_out:
        _show("plugins", tables.plugins(found.plugins_left_out))
    if noise:
        typer.echo(f"watching the machine for {noise:g} s ...", err=True)
        _show("noise", report.noise(examination.watch(noise)))
    troubles = examination.troubles(found, probes)
    typer.echo(f"broken: {'; '.join(troubles)}" if troubles else "nothing is broken")
    raise typer.Exit(1 if troubles else 0)


def _show(title: str, block: Block) -> None:
    from benchbench.report.document import Heading, Verbatim

    show((Heading(title), block, Verbatim("")), plain=True)
