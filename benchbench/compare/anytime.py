"""Statistics that hold at whatever block one stops, and however often one has looked before.

Student's t holds for a number of blocks that is settled beforehand: whoever looks after each block
and stops at a verdict finds one sooner or later. Here evidence is an e-value: a ratio of
likelihoods, of "the blocks lie above the bound" to "they lie at it", that is 1 on average at the
bound. Whatever the rule of stopping, it reaches 1 / alpha with a chance of at most alpha (Ville
1939), so 1 / e is a p-value at every look.

The likelihoods are of the t-statistics of all blocks so far, which know no scale; above the bound,
the distance in units of the scatter is half-normal. For blocks of one scatter, near normal.

Sources: Lai, "On confidence sequences", Annals of Statistics 4 (1976), 265-280; Wang and Ramdas,
"Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance",
Sequential Analysis 44 (2025), 56-110 (for the normal mixture and right Haar prior that this
follows). Error rates by simulation: docs/measured.md.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

# Precision of the distances that are expected: their standard deviation is 5.8 scatters. Chosen so
# that a difference of 1.4 times ends after three blocks, of four in a table of a dozen rows.
_PRECISION = 0.03
_WIDEST = 1e12


class Anytime:
    """The mean over blocks of each block's median, with p-values that hold at every look."""

    def __init__(self, medians: npt.NDArray[np.float64]) -> None:
        self.value = float(medians.mean())
        self._count = len(medians)
        self._spread = float(np.sqrt(np.square(medians - self.value).sum() / self._count))

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Return the two-sided interval of this confidence, equal tails; None if it has no end."""
        wanted = math.log(2 / (1 - confidence))
        if log_evidence(_WIDEST, self._count) < wanted:
            return None
        low, high = 0.0, _WIDEST
        # Of ever larger numbers the middle is a geometric one.
        while high > low * (1 + 1e-9) + 1e-12:
            middle = math.sqrt(max(low, 1e-12) * high)
            if log_evidence(middle, self._count) < wanted:
                low = middle
            else:
                high = middle
        half = high * self._spread
        return self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """Return the p-value against "the truth is `bound` or less"."""
        return self._p(self.value - bound)

    def p_below(self, bound: float) -> float:
        """Return the p-value against "the truth is `bound` or more"."""
        return self._p(bound - self.value)

    def _p(self, distance: float) -> float:
        if distance <= 0:
            return 1.0
        ratio = min(distance / self._spread, _WIDEST) if self._spread else _WIDEST
        return min(1.0, math.exp(-log_evidence(ratio, self._count)))


def log_evidence(ratio: float, count: int) -> float:
    """Return the logarithm of the e-value of `count` blocks.

    `ratio` is the distance of their mean from the bound over the root of their mean square
    deviation, which is t / sqrt(count - 1). With n blocks, precision g and r = g / (n + g), the
    normal mixture gives sqrt(r) ((1 + u^2) / (1 + r u^2))^(n/2); the half-normal one is twice that,
    times the posterior probability that the distance is positive.
    """
    from scipy import special

    shrink = _PRECISION / (count + _PRECISION)
    squared = ratio * ratio
    both_sides = 0.5 * math.log(shrink) + count / 2 * (
        math.log1p(squared) - math.log1p(shrink * squared)
    )
    where = count * ratio / math.sqrt((count + _PRECISION) * (1 + shrink * squared))
    return both_sides + math.log(2 * float(special.stdtr(count, where)))
