"""The CPU time that somebody else used during a turn: a neighbour, a daemon, another worker."""

from __future__ import annotations

from typing import NamedTuple

import psutil

from benchbench.measure.clock import cpu_ns, now_ns
from benchbench.measure.machine import CpuTimes, affinity
from benchbench.measure.quota import cpu_quota

# The kernel counts in ticks of 10 ms on each core, 4 % of this: a shorter turn tells too little.
# Of quiet turns of a tenth of a second (results/selftest) one in eight read more than 10 %.
_LEAST_SECONDS = 0.25
# By so much of the cores' time may we have used more than the kernel counted as busy.
_DISAGREEMENT = 0.1


class CpuUse(NamedTuple):
    """Seconds up to now: by the clock; in which a usable core was busy; of CPU time we used.

    `throttled_periods` are those of a CPU quota in which it was used up, None without a quota.
    """

    now: float
    busy: float
    ours: float
    throttled_periods: int | None = None


def throttled(before: CpuUse | None, after: CpuUse | None) -> int | None:
    """Return in how many periods between two readings a CPU quota was used up; None: unknown."""
    readings = [one.throttled_periods if one else None for one in (before, after)]
    if None in readings:
        return None
    first, second = readings
    return max(0, (second or 0) - (first or 0))


def cpu_use(worker: int) -> CpuUse | None:
    """Read the use of the cores that this process may use; None where it cannot be told.

    Ours is this process with the one whose id is `worker` and all that it started. Takes some
    milliseconds; call it between turns.
    """
    busy, ours = busy_seconds(), _tree_seconds(worker)
    if busy is None or ours is None:
        return None
    quota = cpu_quota()
    periods = quota.throttled_periods if quota else None
    return CpuUse(now_ns() / 1e9, busy, ours + cpu_ns() / 1e9, periods)


def foreign_fraction(before: CpuUse | None, after: CpuUse | None, cores: int) -> float | None:
    """Return the share of the time of `cores` cores between two readings that others used.

    None where a reading is missing, where they are too close to tell, and where the kernel does
    not count what this process itself used, as in some containers.
    """
    if before is None or after is None:
        return None
    seconds = after.now - before.now
    if seconds < _LEAST_SECONDS:
        return None
    foreign = (after.busy - before.busy - after.ours + before.ours) / (seconds * cores)
    if foreign < -_DISAGREEMENT:
        return None
    return min(1.0, max(0.0, foreign))


def busy_seconds() -> float | None:
    """Return the seconds up to now in which the usable cores were busy; stolen time not counted."""
    cores = psutil.cpu_times(percpu=True)
    usable = affinity()
    if max(usable) >= len(cores):  # some are switched off, and the rest have no numbers
        return None
    return sum(CpuTimes.of(cores[core]).busy for core in usable)


def _tree_seconds(root: int) -> float | None:
    """Return the CPU time of a process, of what it started, and of what of that has ended."""
    try:
        process = psutil.Process(root)
        members = [process, *process.children(recursive=True)]
        # user, system, and both once more of the children that have ended.
        return float(sum(sum(member.cpu_times()[:4]) for member in members))
    except psutil.Error:
        return None
