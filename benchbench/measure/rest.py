"""Waiting until a process has come to rest: what it still does would be in another's time.

OpenBLAS's threads spin for a tenth of a second after their last product, and OpenMP's of some
libraries for longer: an epoch that begins meanwhile shares its cores with them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from benchbench.measure.clock import now_ns

# At rest is what uses less than a twentieth of a core for so long.
_LOOK_SECONDS = 0.01
_LOOKS = 2
_SHARE = 0.05
# Whoever does not rest at all would make everybody wait for ever.
LONGEST_SECONDS = 1.0

# The clock of a process's CPU time, all of its threads: see clock_getcpuclockid(3) of Linux.
_PROCESS_CLOCK = 2


def await_rest(
    processes: Sequence[int],
    *,
    cpu_seconds: Callable[[int], float | None] | None = None,
    clock: Callable[[], int] = now_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> float | None:
    """Wait until the processes of these ids use no CPU time, at most `LONGEST_SECONDS`.

    Returns the seconds waited; None where their CPU time cannot be read. `cpu_seconds` returns
    that of one process, None for one that is gone.
    """
    read = cpu_seconds or _cpu_seconds
    if cpu_seconds is None and sys.platform != "linux":
        return None
    started, quiet = clock(), 0
    before = _total(processes, read)
    looked = started
    while quiet < _LOOKS and clock() - started < LONGEST_SECONDS * 1e9:
        sleep(_LOOK_SECONDS)
        now, after = clock(), _total(processes, read)
        used = after - before
        quiet = quiet + 1 if used <= _SHARE * (now - looked) / 1e9 else 0
        before, looked = after, now
    return (clock() - started) / 1e9


def _total(processes: Sequence[int], read: Callable[[int], float | None]) -> float:
    return sum(read(process) or 0.0 for process in processes)


def _cpu_seconds(process: int) -> float | None:
    try:
        return time.clock_gettime((~process << 3) | _PROCESS_CLOCK)
    except OSError:  # it has ended
        return None
