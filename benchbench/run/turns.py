"""Turns by the conductor's clock, and whether the seconds that a worker states agree with them.

A worker reads its own clock, in a process in which a plugin may have changed it. The conductor
times each turn from outside: from the baton to the event. Its seconds hold the worker's own, the
core's watch for work left over, and the way through the pipe.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchbench.measure.residue import LONGEST_WATCH_SECONDS
from benchbench.records import EpochRecord, Phases

# Both processes read one clock, and the conductor's readings enclose the worker's.
_RESOLUTION_SECONDS = 0.001
# What may be missing in the worker's seconds: the pipe, and the time until a process that is due is
# at work, which on a loaded machine takes some milliseconds. Rarely it takes longer: so the median
# of the epochs is judged, and a single epoch or the whole with more patience.
_MEDIAN_SECONDS, _MEDIAN_FRACTION = 0.03, 0.05
_SINGLE_SECONDS, _SINGLE_FRACTION = 0.5, 0.25


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, the start of the process among them: what it took, and whether it was paused."""

    seconds: float
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class TimedEpoch:
    """An epoch with its turn; `watched_seconds` is None from a worker that does not tell."""

    record: EpochRecord
    turn: Turn
    watched_seconds: float | None

    @property
    def stated_seconds(self) -> float:
        """What the worker says that the turn took."""
        return self.record.train_seconds + self.record.validation_seconds + self.watched

    @property
    def watched(self) -> float:
        """The worker's seconds of watching, as far as they can be true."""
        if self.watched_seconds is None:
            return 0.0
        return min(max(0.0, self.watched_seconds), LONGEST_WATCH_SECONDS)

    @property
    def missing_seconds(self) -> float:
        """What the worker leaves out of the turn; negative where it states more than there was."""
        return self.turn.seconds - self.stated_seconds


def disagreements(
    epochs: Sequence[TimedEpoch],
    turns: Sequence[Turn],
    phases: Phases | None,
    watched_seconds: float = 0.0,
) -> Iterator[str]:
    """Yield where the worker's clock and the conductor's disagree; `turns` are all of the run.

    `watched_seconds`: what the core took for checks and audit, in the last turn.
    """
    untold = sum(LONGEST_WATCH_SECONDS for epoch in epochs if epoch.watched_seconds is None)
    for number, epoch in enumerate(epochs, 1):
        patience = LONGEST_WATCH_SECONDS if epoch.watched_seconds is None else 0.0
        allowed = _SINGLE_SECONDS + _SINGLE_FRACTION * epoch.turn.seconds + patience
        if not -_RESOLUTION_SECONDS <= epoch.missing_seconds <= allowed:
            yield _told(f"epoch {number}", epoch.stated_seconds, epoch.turn.seconds)
            return
    if epochs:
        missing = statistics.median(epoch.missing_seconds for epoch in epochs)
        seconds = statistics.median(epoch.turn.seconds for epoch in epochs)
        if missing > _MEDIAN_SECONDS + _MEDIAN_FRACTION * seconds + untold / len(epochs):
            yield _told("the median epoch", seconds - missing, seconds)
            return
    if phases is None:
        return
    seconds = math.fsum(turn.seconds for turn in turns)
    stated = phases.total - phases.waiting + math.fsum(epoch.watched for epoch in epochs)
    stated += min(max(0.0, watched_seconds), seconds)
    allowed = _SINGLE_SECONDS + _MEDIAN_SECONDS * len(turns) + _MEDIAN_FRACTION * seconds + untold
    if not -_RESOLUTION_SECONDS <= seconds - stated <= allowed:
        yield _told("all turns", stated, seconds)


def pauses(turns: Sequence[Turn]) -> Iterator[str]:
    """Yield which turns were paused: their seconds are not those of work."""
    stopped = [str(number) for number, turn in enumerate(turns) if turn.stopped]
    if stopped:
        yield (
            f"pauses: expected a worker that is at work in its turns, found that a signal stopped "
            f"it for a while (SIGSTOP, or another that stops) in turn {', '.join(stopped)}; "
            f"measure again"
        )


def _told(what: str, stated: float, seconds: float) -> str:
    return (
        f"clock: expected the worker's seconds to agree with the conductor's, found for {what} "
        f"{stated:.3f} s by the worker and {seconds:.3f} s by the conductor; does the backend "
        f"change the clock, or was benchbench itself stopped?"
    )
