"""What came of comparing two networks: the rungs, the first difference, what it looks like."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

RungState: TypeAlias = Literal["same", "differs", "not reached"]

# In the order they are climbed.
RUNG_NAMES = (
    "architecture",
    "evaluation mode",
    "forward",
    "loss",
    "gradients",
    "update after 1 step",
    "small gradients",
    "large gradients",
    "update after 2 steps",
    "update after 10 steps",
    "statistics",
    "after training",
    "dropout",
)


class Trap(msgspec.Struct, frozen=True):
    """A mistake that a difference looks like: its name, and what says so."""

    name: str
    words: str


class PortRung(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison. `difference` is a fraction of the first network's, None for no number."""

    name: str
    state: RungState
    difference: float | None = None
    tolerance: float | None = None


class PortReport(msgspec.Struct, frozen=True, kw_only=True):
    """Whether two networks train the same function; if not, where they first differ.

    `layer` names that of the first network and that of the second; `trap` is empty where the
    difference looks like no known mistake. `pairs` are variables of B with those of A.
    """

    a: str
    b: str
    same: bool
    rungs: tuple[PortRung, ...]
    rung: str = ""
    layer: str = ""
    variable: str = ""
    trap: str = ""
    explanation: str = ""
    notes: tuple[str, ...] = ()
    pairs: dict[str, str] = {}


class Break(Exception):  # noqa: N818 - how a comparison ends
    """The first difference."""

    def __init__(
        self,
        rung: str,
        *,
        difference: float | None = None,
        tolerance: float | None = None,
        layer: str = "",
        variable: str = "",
        trap: Trap | None = None,
        words: str = "",
    ) -> None:
        super().__init__(rung)
        self.rung = rung
        self.difference = difference
        self.tolerance = tolerance
        self.layer = layer
        self.variable = variable
        self.trap = trap
        self.words = words
