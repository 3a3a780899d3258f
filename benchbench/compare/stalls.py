"""Stalls: epochs in which a backend waited for itself, while nobody used the CPU.

Neither other work on the machine nor more of its own explains such an epoch: a thread pool that
waits for itself does, as TensorFlow's may. Medians are hardly moved; whole runs take longer.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchbench.records import EpochRecord, RunRecord

# A stall takes more than three times the run's median, and a second more at least; the process
# used at most twice its usual CPU time in it, and others less than a tenth of the cores.
_TIMES = 3.0
_SECONDS = 1.0
_CPU_TIMES = 2.0
_FOREIGN = 0.1


def stalls(runs: Sequence[RunRecord]) -> str | None:
    """Say how many steady epochs of a cell's runs were stalls; None if none was, or on a card."""
    if runs[0].device != "cpu":
        return None
    steady = [run.epochs[1:] for run in runs]
    found = [epoch for epochs in steady for epoch in _stalled(epochs)]
    if not found:
        return None
    longest = max(epoch.train_seconds for epoch in found)
    count = sum(map(len, steady))
    return (
        f"{len(found)} of {count} steady epochs took more than {_TIMES:.0f} times the median of "
        f"their run, up to {longest:.3g} s, and no one used the CPU: the backend waited for itself"
    )


def _stalled(epochs: Sequence[EpochRecord]) -> list[EpochRecord]:
    if not epochs:
        return []
    usual = statistics.median_low(epoch.train_seconds for epoch in epochs)
    usual_cpu = statistics.median_low(epoch.train_cpu_seconds or 0.0 for epoch in epochs)
    return [
        epoch
        for epoch in epochs
        if epoch.train_seconds > max(_TIMES * usual, usual + _SECONDS)
        and epoch.train_cpu_seconds is not None
        and epoch.train_cpu_seconds <= _CPU_TIMES * usual_cpu
        and epoch.foreign_cpu_fraction is not None
        and epoch.foreign_cpu_fraction < _FOREIGN
    ]
