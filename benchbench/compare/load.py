"""Did the threads of a run have the cores that they were given? If not, its times say little.

A pool of threads that waits for each other by spinning waits for a thread that is not scheduled:
with one other process at work on two cores, a ratio of two threads each came out as 25 in place of
0.8, of one thread each as 1.0 (docs/measured.md has the table). So what spoils a ratio is not
others' work, but more threads than cores that are left; a run of one thread is never spoilt so.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchbench.records import EpochRecord, RunRecord

# Others' work up to a quarter of a core is the system's own.
_SPARE_CORES = 0.25
# Of the CPU time a second that the cell had in its best block.
_LEAST_SHARE = 0.6


def crowded(run: RunRecord, companions: Iterable[RunRecord]) -> str | None:
    """Return why the run's threads had too few cores, as a predicate; None if they had enough.

    `companions` are the runs of the same cell in the session's other blocks. What the record does
    not tell is taken for nothing.
    """
    if run.threads < 2:
        return None
    cores = min(run.machine.usable_cores, run.machine.cpu_quota or run.machine.usable_cores)
    others = cores * _others(run.epochs)
    if others + run.threads > cores + _SPARE_CORES:
        return f"had {run.threads} threads on {cores} cores, of which others used {others:.1f}"
    own, best = _used(run), max(map(_used, companions), default=0.0)
    if own < _LEAST_SHARE * best:
        return f"got {own:.1f} s of CPU time a second, in another block {best:.1f}"
    return None


def _others(epochs: Sequence[EpochRecord]) -> float:
    """Return the share of the cores that others used in the median epoch, or that was stolen."""
    shares = [
        (epoch.foreign_cpu_fraction or 0.0)
        + ((epoch.machine.steal_fraction or 0.0) if epoch.machine else 0.0)
        for epoch in epochs
    ]
    return statistics.median(shares) if shares else 0.0


def _used(run: RunRecord) -> float:
    """Return the CPU time a second of training, of the median steady epoch; 0 where unknown."""
    known = [
        epoch.train_cpu_seconds / epoch.train_seconds
        for epoch in run.epochs[1:]
        if epoch.train_cpu_seconds is not None and epoch.train_seconds > 0
    ]
    return statistics.median(known) if known else 0.0
