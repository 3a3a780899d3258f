"""What an examination looks at: versions, places, variables, how noisy the machine is."""

from __future__ import annotations

import os
import platform
import re
import statistics
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchbench.measure.noise import Noise
    from benchbench.plugins.inventory import Inventory
    from benchbench.plugins.registry import Registry
    from benchbench.run.probe import Probe

_DISTRIBUTION = "benchbench-harness"


@dataclass(frozen=True, slots=True)
class Watched:
    """How a fixed computation scattered for a while, and the shares of time that others took.

    It took `threads` threads the times of `reading`; in between, one thread the median of
    `one_thread_seconds`.
    """

    reading: Noise
    threads: int
    one_thread_seconds: float
    steal_fraction: float | None
    busy_fraction: float | None


def versions(registry: Registry) -> list[tuple[str, str]]:
    """Return the versions of Python, of benchbench, of what it needs, and of the frameworks."""
    import benchbench
    from benchbench.plugins.inventory import installed_version

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
        # Of alternative frameworks one is enough; the table of backends tells which is missing.
        if version or name in needed:
            pairs.append((name, version or "not installed"))
    return pairs


def locations() -> list[tuple[str, str]]:
    """Return where results go, and where data sets are looked for."""
    from benchbench.data import mnist
    from benchbench.run.store import results_folder

    pairs = [("results", str(results_folder(None).absolute()))]
    for place in mnist.places():
        state = "holds MNIST" if place.found() else "nothing there"
        pairs.append((place.label, f"{place.path} ({state})"))
    return pairs


def environment(registry: Registry) -> list[tuple[str, str]]:
    """Return the variables that change what benchbench or a framework does."""
    from benchbench.run.environment import noted

    infos = [offer.item for offer in registry.backends.values()]
    declared = [name for info in infos for name in (*info.removes, *info.notes)]
    declared += [name for info in infos for name, _ in info.environment]
    return list(noted(os.environ, ("BENCHBENCH_", *declared)).items())


def watch(seconds: float) -> Watched:
    """Repeat a fixed computation for so many seconds."""
    from benchbench.measure import noise
    from benchbench.measure.calibration import calibrate
    from benchbench.measure.machine import physical_cores, state

    threads = physical_cores()
    _, before = state(None)
    alone = []

    def both() -> float:
        alone.append(calibrate(1))
        return calibrate(threads)

    reading = noise.summarise(noise.read_noise(seconds, both))
    meanwhile, _ = state(before)
    return Watched(
        reading,
        threads,
        statistics.median(alone),
        meanwhile.steal_fraction,
        meanwhile.busy_fraction,
    )


def _requirements() -> list[str]:
    """Return the names of the distributions that the core needs."""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    core = [line for line in requirements if "extra ==" not in line]
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in core]


def troubles(found: Inventory, probes: Iterable[Probe]) -> list[str]:
    """Return what is broken: plugins that were not let in, backends that do not answer."""
    broken = [entry.name for entry in found.plugins_left_out if not entry.disabled]
    told = [f"the plugin '{name}' is quarantined" for name in broken]
    return told + [f"the backend '{probe.backend}' is broken" for probe in probes if probe.error]
