"""`benchbench doctor`: what is installed, what is broken, how noisy this machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchbench import quantities
from benchbench.cli.output import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.report.document import Block
    from benchbench.run.probe import Probe


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
    broken = [entry.name for entry in found.plugins_left_out if not entry.disabled]
    _judge(broken, probes)


def _judge(broken_plugins: Sequence[str], probes: Sequence[Probe]) -> None:
    troubles = [f"the plugin '{name}' is quarantined" for name in broken_plugins]
    troubles += [f"the backend '{probe.backend}' is broken" for probe in probes if probe.error]
    if troubles:
        typer.echo(f"broken: {'; '.join(troubles)}")
        raise typer.Exit(1)
    typer.echo("nothing is broken")


def _show(title: str, block: Block) -> None:
    from benchbench.report.document import Heading, Verbatim

    show((Heading(title), block, Verbatim("")), plain=True)
