"""What an examination of the installation and the machine found, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.measure.machine import physical_cores
from benchbench.report.document import Facts, Paragraph
from benchbench.report.text import UNKNOWN, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.experiments.examination import Watched
    from benchbench.machines import Machine


# Beyond so many times the seconds of one thread, several wait for each other.
_SLOWER = 1.2


def machine(here: Machine) -> Facts:
    """Return what the machine is."""
    return Facts(
        (
            ("system", here.system),
            ("processor", here.processor),
            ("physical cores", count(here.physical_cores)),
            ("usable cores", count(here.usable_cores)),
            *_limits(here),
            ("threads of a run", f"{physical_cores()} (change with --threads)"),
            ("memory", f"{here.memory_bytes / 1e9:.1f} GB"),
            ("accelerators", ", ".join(here.accelerators) or UNKNOWN),
        )
    )


def _limits(here: Machine) -> list[tuple[str, str]]:
    """Say what keeps the cores from being all alike, or all ours."""
    told = []
    if here.slow_cores:
        told.append(("slower cores", f"{here.slow_cores} of those, taken last"))
    if here.cpu_quota:
        told.append(("CPU quota", f"the time of {here.cpu_quota:g} cores, by a control group"))
    return told


def pairs(found: Sequence[tuple[str, str]]) -> Facts:
    """Return names and values as they are."""
    return Facts(tuple(found))


def environment(found: Sequence[tuple[str, str]]) -> Facts | Paragraph:
    """Return the variables that matter."""
    return Facts(tuple(found)) if found else Paragraph("nothing set that matters")


def noise(watched: Watched) -> Facts:
    """Return how much a fixed computation scattered, and who else was at work."""
    reading = watched.reading
    return Facts(
        (
            ("verdict", reading.sentence()),
            ("median", f"{reading.median:.4f} s"),
            ("10 % to 90 %", f"{reading.p10:.4f} to {reading.p90:.4f} s"),
            ("steal time", _percent(watched.steal_fraction)),
            ("cores busy", _percent(watched.busy_fraction)),
            ("threads", threads(watched)),
        )
    )


def threads(watched: Watched) -> str:
    """Say whether several threads are worth it now, or wait for each other."""
    gain = watched.one_thread_seconds / watched.reading.median
    if watched.threads == 1:
        return "one: a run has no more here"
    if gain >= 1 / _SLOWER:
        return f"{watched.threads} threads take {1 / gain:.2f} times the time of one"
    return (
        f"{watched.threads} threads are {1 / gain:.1f} times slower than one right now: others "
        f"have the cores; wait (run --wait-for-quiet 10m), or give each run one (--threads 1)"
    )


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{100 * value:.1f} %"
