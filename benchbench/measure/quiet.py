"""Waiting until nothing else is at work on the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchbench.measure.clock import now_ns
from benchbench.measure.foreign import busy_seconds

# Quiet is what leaves nine tenths of a core's time in each of three seconds in a row.
_LOOK_SECONDS = 1.0
_LOOKS = 3
_BUSY_CORES = 0.1


@dataclass(frozen=True)
class Waited:
    """How long was waited, and how many cores others used in the last second of it."""

    seconds: float
    busy_cores: float

    @property
    def quiet(self) -> bool:
        return self.busy_cores <= _BUSY_CORES

    @property
    def sentence(self) -> str:
        """Say how it ended."""
        if self.quiet:
            return f"the machine is quiet (waited {self.seconds:.0f} s)"
        return (
            f"the machine did not become quiet in {self.seconds:.0f} s: others use "
            f"{self.busy_cores:.1f} cores; the runs begin, and where they had too few cores their "
            f"verdict will be NOISY"
        )


def await_quiet(
    limit: float,
    *,
    busy: Callable[[], float | None] = busy_seconds,
    clock: Callable[[], int] = now_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Waited | None:
    """Wait until others use none of the usable cores, at most `limit` seconds.

    `busy` returns in how many seconds of them a core was at work. None where that cannot be read.
    """
    started, quiet = clock(), 0
    looked, before = started, busy()
    if before is None:
        return None
    cores = 0.0
    while quiet < _LOOKS and clock() - started < limit * 1e9:
        sleep(_LOOK_SECONDS)
        now, after = clock(), busy()
        if after is None:
            return None
        cores = max(0.0, (after - before) / ((now - looked) / 1e9))
        quiet = quiet + 1 if cores <= _BUSY_CORES else 0
        looked, before = now, after
    return Waited((clock() - started) / 1e9, cores)
