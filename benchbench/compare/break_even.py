"""When a slow start pays: from which epoch on a run is ahead, its start and compilation included.

The time of a run after n epochs is its start (all that is not one of the later epochs: imports,
data, compilation, the first epoch, the tests at the end) and n - 1 times a later epoch, training
and validation.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable

import msgspec

from benchbench.records import RunRecord

Seconds = Callable[[RunRecord], float | None]


class BreakEven(msgspec.Struct, frozen=True):
    """The epochs of a run after which it has taken less time than the baseline's.

    From the `first` on, to the `last` and no further; null: there is none.
    """

    first: int | None
    last: int | None = None

    def __str__(self) -> str:
        if self.first is None:
            return "never"
        return str(self.first) if self.last is None else f"until {self.last}"


def break_even(
    pairs: Iterable[tuple[RunRecord, RunRecord]], total_seconds: Seconds
) -> BreakEven | None:
    """Compare runs with those that stood beside them; None where times are unknown.

    The differences of start and of epoch are the medians over the pairs. `total_seconds` gives the
    time of a whole run.
    """
    costs = [(_costs(own, total_seconds), _costs(other, total_seconds)) for own, other in pairs]
    known = [(own, other) for own, other in costs if own and other]
    if not known:
        return None
    behind = statistics.median(own[0] - other[0] for own, other in known)
    saved = statistics.median(other[1] - own[1] for own, other in known)
    if behind <= 0:
        return BreakEven(1) if saved >= 0 else BreakEven(1, 1 + math.floor(behind / saved))
    return BreakEven(1 + math.ceil(behind / saved)) if saved > 0 else BreakEven(None)


def _costs(run: RunRecord, total_seconds: Seconds) -> tuple[float, float] | None:
    """Return the seconds of the start and of one later epoch; None where either is unknown."""
    total = total_seconds(run)
    later = [epoch.train_seconds + epoch.validation_seconds for epoch in run.epochs[1:]]
    # Epochs beyond the protocol's are not in the total.
    counted = sum(later[: run.protocol.epochs - 1])
    return (total - counted, statistics.median(later)) if total is not None and later else None
