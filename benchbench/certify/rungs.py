"""The rungs: their names in order, what is found at one, and how far it may be off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchbench.certify.exercise import PROGRAMS
from benchbench.certify.tolerances import tolerances

# The names of all rungs, in the order they are climbed.
RUNGS = (
    "data",
    "architecture",
    "forward",
    "loss",
    *(program.name for program in PROGRAMS),
    "evaluation",
    "predictions",
    "order",
)
# Where there is one starting point, which no other rung shares.
ALL_STARTS = "all"


@dataclass(frozen=True)
class Finding:
    """How far the candidate is from the reference at one rung, from one starting point.

    `difference` is None where it is not a finite number. `look` says what it looks like.
    """

    difference: float | None
    look: Callable[[], str]


@dataclass(frozen=True)
class Measure:
    """A rung's name, what is measured there, and how from a starting point.

    `own_start` says that the rung starts from weights of its own, whatever the others start from.
    """

    rung: str
    words: str
    find: Callable[[str], Finding]
    own_start: bool = False


def tolerance_of(rung: str) -> tuple[float, str]:
    """Return a rung's tolerance and its origin; what has none must agree exactly."""
    derived = tolerances().get(rung)
    return (derived.tolerance, derived.source) if derived else (0.0, "exact")
