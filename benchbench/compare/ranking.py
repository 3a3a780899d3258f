"""Of several cells with one baseline: which trains fastest, and what cannot be told from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchbench.compare.contrast import Contrast


@dataclass(frozen=True, slots=True)
class Ranking:
    """Contrasts of one model with one baseline, the shortest epochs first, unknown ones last.

    `fastest` is the first that is FASTER than the baseline, None where none is.
    """

    contrasts: tuple[Contrast, ...]
    fastest: Contrast | None

    @property
    def not_told_apart(self) -> tuple[Contrast, ...]:
        """The others whose intervals overlap that of the fastest."""
        best = self.fastest
        if best is None:
            return ()
        return tuple(one for one in self.contrasts if one is not best and _overlap(one, best))


def rank(contrasts: Sequence[Contrast]) -> Ranking:
    """Order contrasts of one model and one baseline by their time ratios."""
    ordered = tuple(sorted(contrasts, key=_ratio))
    return Ranking(ordered, next((one for one in ordered if one.verdict == "FASTER"), None))


def _ratio(one: Contrast) -> float:
    return one.steady.ratio if one.steady else math.inf


def _overlap(one: Contrast, best: Contrast) -> bool:
    low = one.steady.low if one.steady else None
    high = best.steady.high if best.steady else None
    return low is not None and high is not None and low <= high
