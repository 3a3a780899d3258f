"""`benchbench doctor`: what is installed, what is broken, how noisy this machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.plugins.registry import Registry
    from benchbench.run.probe import Probe

_DISTRIBUTION = "benchbench-harness"


def doctor(
    noise: Annotated[
        float, typer.Option(min=0, help="Seconds to watch the machine for; 0 leaves it out.")
    ] = 30.0,
) -> None:
    """Examine the installation and the machine; exit with 1 if something is broken."""
    from benchbench.cli.list_ import backend_table, device_table, plugin_table
    from benchbench.plugins import inventory
    from benchbench.plugins.registry import load_registry
    from benchbench.run.probe import probe

    registry = load_registry()
    found = inventory.take(registry)
    _show("machine", _machine())
    _show("versions", _versions(registry))
    _show("backends", backend_table(found.backends))
    probes = []
    for entry in found.backends:
        if entry.ready:
            typer.echo(f"importing {entry.name} ...", err=True)
            probes.append(probe(registry.backend(entry.name)))
    if probes:
        _show("devices", device_table(probes))
    _show("locations", _locations())
    _show("environment", _environment())
    if found.plugins_left_out:
        _show("plugins", plugin_table(found.plugins_left_out))
    if noise:
        typer.echo(f"watching the machine for {noise:g} s ...", err=True)
        _show("noise", _noise(noise))
    broken = [entry.name for entry in found.plugins_left_out if not entry.disabled]
    _judge(broken, probes)


def _judge(broken_plugins: Sequence[str], probes: Sequence[Probe]) -> None:
    troubles = [f"the plugin '{name}' is quarantined" for name in broken_plugins]
    troubles += [f"the backend '{probe.backend}' is broken" for probe in probes if probe.error]
    if troubles:
        typer.echo(f"broken: {'; '.join(troubles)}")
        raise typer.Exit(1)
    typer.echo("nothing is broken")


def _show(title: str, content: str) -> None:
    typer.echo(f"{title}\n{'=' * len(title)}\n{content}\n")


def _machine() -> str:
    from benchbench.measure import machine
    from benchbench.report.text import UNKNOWN, count, facts

    here = machine.machine()
    return facts(
        [
            ("system", here.system),
            ("processor", here.processor),
            ("physical cores", count(here.physical_cores)),
            ("usable cores", count(here.usable_cores)),
            ("threads of a run", f"{machine.physical_cores()} (change with --threads)"),
            ("memory", f"{here.memory_bytes / 1e9:.1f} GB"),
            ("accelerators", ", ".join(here.accelerators) or UNKNOWN),
        ]
    )


def _versions(registry: Registry) -> str:
    import platform

    import benchbench
    from benchbench.plugins.inventory import installed_version
    from benchbench.report.text import facts

    pairs = [("python", platform.python_version()), (_DISTRIBUTION, benchbench.__version__)]
    frameworks = [
        name.strip()
        for offer in registry.backends.values()
        for requirement in offer.item.requires
        for name in requirement.split("|")
    ]
    needed = _requirements()
    for name in dict.fromkeys([*needed, *frameworks]):
        version = installed_version(name)
        # Of alternative frameworks one is enough; `backends` tells which is missing.
        if version or name in needed:
            pairs.append((name, version or "not installed"))
    return facts(pairs)


def _requirements() -> list[str]:
    """Return the names of the distributions that the core needs."""
    import re
    from importlib import metadata

    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    core = [line for line in requirements if "extra ==" not in line]
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in core]


def _locations() -> str:
    from benchbench.data import mnist
    from benchbench.report.text import facts
    from benchbench.run.store import results_folder

    pairs = [("results", str(results_folder(None).absolute()))]
    for place in mnist.places():
        state = "holds MNIST" if place.found() else "nothing there"
        pairs.append((place.label, f"{place.path} ({state})"))
    return facts(pairs)


def _environment() -> str:
    """List the variables that change what benchbench or a framework does."""
    import os

    from benchbench.report.text import facts
    from benchbench.run.environment import noted

    ours = {name: os.environ[name] for name in sorted(os.environ) if _matters(name)}
    return facts(list((ours | noted(os.environ)).items())) or "nothing set that matters"


def _matters(name: str) -> bool:
    return name.startswith(("BENCHBENCH_", "KERAS_"))


def _noise(seconds: float) -> str:
    from benchbench.measure import noise
    from benchbench.measure.machine import calibrate, physical_cores, state
    from benchbench.report.text import UNKNOWN, facts

    threads = physical_cores()
    _, before = state(None)
    reading = noise.summarise(noise.read_noise(seconds, lambda: calibrate(threads)))
    meanwhile, _ = state(before)

    def percent(value: float | None) -> str:
        return UNKNOWN if value is None else f"{100 * value:.1f} %"

    return facts(
        [
            ("verdict", reading.sentence()),
            ("median", f"{reading.median:.4f} s"),
            ("10 % to 90 %", f"{reading.p10:.4f} to {reading.p90:.4f} s"),
            ("steal time", percent(meanwhile.steal_fraction)),
            ("cores busy", percent(meanwhile.busy_fraction)),
        ]
    )
