"""How many steady epochs should a process train, once it has been started?

A block of n steady epochs costs S + n c seconds: S to start its processes, c a round of one epoch
of each. Its median log-ratio has the variance B + k W / n: B between processes, W between the
epochs of one process, k = pi / 2 for the median (of normal values, in place of their mean). Over so
many seconds of machine time the mean over blocks then has a variance that is least at

    n = sqrt(k W S / (B c)).

Source: Cochran, "Sampling Techniques", 3rd ed., 1977, section 10.6 (optimum allocation in two-stage
sampling). The optimum is flat: with half or twice as many the variance is at most a quarter higher.

Where a session ends by a rule, it needs as many blocks as bring the standard error down to what the
rule asks for, but never fewer than some: with few steady epochs enough, more are a waste. So n is
that which makes blocks times S + n c least.

Blocks of different length count alike. The mean of normal values with one mean, each of a variance
of its own, is covered by Student's interval at 95 % at least as often as if the variances were
equal: Bakirov and Szekely, Zapiski Nauchnykh Seminarov POMI 328 (2005), 5-19; Ibragimov and
Mueller, Journal of Business and Economic Statistics 28 (2010), 453-468.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchbench.records import RunRecord

_MEDIAN = math.pi / 2
# Two blocks say little of how processes scatter, so no less than this is believed. Of what the
# committed sessions show (0 to 3.6 %, studies/steady.py) it is the lower end: a guess that is too
# low lays out too many epochs, by the root of the fault.
_LEAST_BETWEEN = 0.01**2
MOST_STEADY = 64
# A run must end well within its time limit, on a slower day too.
_SHARE_OF_LIMIT = 0.25
# The middle half of a normal distribution reaches so far, in standard deviations.
_QUARTILE = 0.6745


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What blocks are run for: a standard error of a log-ratio, in `least_blocks` or more.

    None for the error: the blocks are given, and it is to be as small as it may be.
    """

    error: float | None = None
    least_blocks: int = 0

    def blocks(self, variance: float) -> float:
        """Return how many blocks it takes, if the value of each has this variance."""
        if self.error is None:
            return variance
        return max(float(self.least_blocks), variance / self.error**2)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the blocks of one model cost and how they scatter.

    `start_seconds` is S, `round_seconds` c, `within` W and `between` B, of the log-times of a cell;
    `longest_epoch_seconds` is of the slowest one.
    """

    start_seconds: float
    round_seconds: float
    longest_epoch_seconds: float
    within: float
    between: float

    def variance(self, steady: int) -> float:
        """Return that of a block's median log-ratio of two cells."""
        between = max(self.between, _LEAST_BETWEEN)
        return 2 * (between + _MEDIAN * self.within / steady)

    def seconds(self, steady: int, aim: Aim) -> float:
        """Return the machine time of all blocks that the aim takes, up to a constant factor."""
        one_block = self.start_seconds + steady * self.round_seconds
        return aim.blocks(self.variance(steady)) * one_block


def steady_epochs(
    runs: Sequence[RunRecord], aim: Aim, limit_seconds: float, *, least: int = 1
) -> int:
    """Return how many steady epochs further runs of one model are to train, `least` or more.

    `runs` are those of its first blocks, of one session; a block counts if all its runs are good.
    `limit_seconds` of work are given to each run.
    """
    found = costs(runs)
    if found is None:
        return least
    affordable = int(_SHARE_OF_LIMIT * limit_seconds / found.longest_epoch_seconds)
    most = max(least, min(MOST_STEADY, affordable))
    return min(range(least, most + 1), key=lambda steady: found.seconds(steady, aim))


def costs(runs: Sequence[RunRecord]) -> Costs | None:
    """Return what the runs of one model say of costs and scatter; None where they say nothing."""
    blocks: defaultdict[int, list[RunRecord]] = defaultdict(list)
    for run in runs:
        blocks[run.block].append(run)
    whole = [sorted(one, key=lambda run: run.run_id) for one in blocks.values() if _is_good(one)]
    if not whole:
        return None
    logs = [_deviations(one) for one in whole]
    within = _within(logs)
    return Costs(
        start_seconds=statistics.fmean(map(_start_seconds, whole)),
        round_seconds=statistics.fmean(
            sum(_epoch_seconds(run) for run in block) for block in whole
        ),
        longest_epoch_seconds=max(_epoch_seconds(run) for block in whole for run in block),
        within=within,
        between=_between(logs, within),
    )


def _is_good(block: Sequence[RunRecord]) -> bool:
    lengths = {len(run.epochs) for run in block}
    return (
        all(run.status == "ok" and run.phases for run in block)
        and len(lengths) == 1
        and min(lengths) > 2
    )


def _epoch_seconds(run: RunRecord) -> float:
    """Return what a steady epoch costs: training, validation, and what comes before its turn."""
    return statistics.median(
        epoch.train_seconds + epoch.validation_seconds for epoch in run.epochs[1:]
    ) + _turn_seconds(run)


def _turn_seconds(run: RunRecord) -> float:
    """Return what the conductor does before a turn: it waits for rest, and calibrates."""
    states = [epoch.machine for epoch in run.epochs[1:] if epoch.machine]
    known = [(one.rest_seconds or 0.0) + (one.calibration_seconds or 0.0) for one in states]
    return statistics.median(known) if known else 0.0


def _start_seconds(block: Sequence[RunRecord]) -> float:
    """Return what the block takes without its steady epochs."""
    found = 0.0
    for run in block:
        assert run.phases is not None  # noqa: S101 - `_is_good` has seen to that
        steady = sum(one.train_seconds + one.validation_seconds for one in run.epochs[1:])
        found += run.phases.total - run.phases.waiting - steady
        # Imports, the first epoch and the end have their turns too.
        found += 3 * _turn_seconds(run)
    return max(found, 0.0)


def _deviations(block: Sequence[RunRecord]) -> npt.NDArray[np.float64]:
    """Return log-times less their round's mean, (cells, epochs), scaled to a cell's variance."""
    logs = np.log([[epoch.train_seconds for epoch in run.epochs[1:]] for run in block])
    count = len(block)
    if count == 1:
        return logs
    # The mean takes a share of each cell's own variance with it.
    return np.asarray((logs - logs.mean(axis=0)) * math.sqrt(count / (count - 1)))


def _within(logs: Sequence[npt.NDArray[np.float64]]) -> float:
    """Return the variance between epochs of a process, from differences of successive ones.

    By their middle half: the median over epochs is not moved by few wild ones either.
    """
    steps = np.abs(np.concatenate([np.diff(one, axis=1).ravel() for one in logs]))
    return float((np.median(steps) / _QUARTILE) ** 2 / 2)


def _between(logs: Sequence[npt.NDArray[np.float64]], within: float) -> float:
    """Return the variance between processes: of block medians, less what their epochs explain."""
    if len(logs) < 2:
        return 0.0
    medians = np.array([np.median(one, axis=1) for one in logs])
    explained = statistics.fmean(_MEDIAN * within / one.shape[1] for one in logs)
    return max(0.0, float(medians.var(axis=0, ddof=1).mean()) - explained)
