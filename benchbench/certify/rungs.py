"""The rungs: their names in order, what is found at one, and how far it may be off."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from benchbench.certify.exercise import PROGRAMS
from benchbench.certify.tolerances import MARGIN, is_smooth, tolerances
from benchbench.spec.model import ModelSpec

THREE_EPOCHS = "three epochs"

# The names of all rungs, in the order they are climbed.
RUNGS = (
    "data",
    "architecture",
    "forward",
    "causality",
    "loss",
    *(program.name for program in PROGRAMS),
    "evaluation",
    "predictions",
    THREE_EPOCHS,
    "large split",
    "order",
    "dropout",
)
# What `forward` allows, divided: a leak is no rounding, and the same sums give the same numbers.
_LEAK = 10
# Ten times what the learning rate is nudged by.
_PARTS = 2e-4
# Where there is one starting point, which no other rung shares.
ALL_STARTS = "all"


@dataclass(frozen=True)
class Limit:
    """How large a difference may be, and where that comes from."""

    tolerance: float
    source: str


EXACT = Limit(0.0, "exact")


@dataclass(frozen=True)
class Finding:
    """How far the candidate is from the reference at one rung, from one starting point.

    `difference` is None where it is not a finite number. `look` says what it looks like. `limit` is
    set where the rung's tolerance depends on this very exercise.
    """

    difference: float | None
    look: Callable[[], str]
    limit: Limit | None = None


@dataclass(frozen=True)
class Measure:
    """A rung's name, what is measured there, how from a starting point, and what is allowed.

    `own_start` says that the rung starts from weights of its own, whatever the others start from.
    """

    rung: str
    words: str
    find: Callable[[str], Finding]
    limit: Limit
    own_start: bool = False


def limit_of(rung: str, model: ModelSpec) -> Limit:
    """Return a rung's tolerance for a network; what has none must agree exactly."""
    if rung == "causality":
        forward = limit_of("forward", model)
        return Limit(forward.tolerance / _LEAK, f"1/{_LEAK} of what 'forward' allows")
    known = tolerances()
    derived = known.get((rung, is_smooth(model))) or known.get((rung, False))
    return Limit(derived.tolerance, derived.source) if derived else EXACT


def sensitive_limit(rung: str, model: ModelSpec, moved: float) -> Limit:
    """Return a rung's tolerance for a network whose update a rounding of its own moves by `moved`.

    The tolerances of smooth networks were measured where a rounding moves hardly anything. Deep or
    saturated ones are moved by more: there it is 16 times as much, at most what others have (right
    implementations were seen to part by four times as much).
    """
    limit, of_others = limit_of(rung, model), tolerances().get((rung, False))
    own = 4 * MARGIN * moved
    if not is_smooth(model) or of_others is None or own <= limit.tolerance:
        return limit
    if own >= of_others.tolerance:
        return Limit(of_others.tolerance, of_others.source)
    return Limit(own, f"{4 * MARGIN} x the reference's own, nudged by roundings")


def long_limit(limit: Limit, model: ModelSpec, moved: float) -> Limit:
    """Return the limit of three epochs that roundings of the reference's own move by `moved`.

    A smooth network keeps its own, unless its course parts by far more than the rate was nudged by:
    float32 itself parts from the reference there, as of a transformer in hundreds of steps.
    """
    if (is_smooth(model) and moved <= _PARTS) or MARGIN * moved <= limit.tolerance:
        return limit
    return Limit(MARGIN * moved, f"{MARGIN} x the reference's own, nudged by roundings")


def rounded_limit(limit: Limit, off: float) -> Limit:
    """Return the limit of three epochs where the reference itself is `off` so far in float32."""
    if MARGIN * off <= limit.tolerance:
        return limit
    return Limit(MARGIN * off, f"{MARGIN} x what the reference is off in float32")


def finite(value: float) -> float | None:
    """Return a difference as a float, None for one that is not finite."""
    return float(value) if math.isfinite(value) else None
