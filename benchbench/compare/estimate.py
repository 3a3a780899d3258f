"""From paired log-ratios, block by block, to an estimate of their middle and how sure it is.

The unit of replication is the block: a process of its own on either side. Epochs of one process
share its memory layout, its place among the cores and its luck, so they are no replicates.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchbench.compare.anytime import Anytime
from benchbench.records import Stopping

FloatArray = npt.NDArray[np.float64]

# A time ratio of e to this is none, and the quotient of two such ends is still a number.
_FARTHEST = 300.0


class Estimate(Protocol):
    """What is said of the middle of blocks, by a rule that fits how their number was settled."""

    value: float

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Return the two-sided interval of this confidence, equal tails; None if it has no end."""

    def p_above(self, bound: float) -> float:
        """Return the p-value against "the truth is `bound` or less"."""

    def p_below(self, bound: float) -> float:
        """Return the p-value against "the truth is `bound` or more"."""


def estimate(
    blocks: Mapping[int, Sequence[float]], stopping: Stopping | None = None
) -> Estimate | None:
    """Return the estimate that is right for blocks whose number was settled so.

    `blocks` are by number. None where they say nothing of their scatter.
    """
    medians = block_medians([blocks[number] for number in sorted(blocks)])
    if len(medians) < 2:
        return None
    if stopping and stopping.rule == "verdict":
        return Anytime(medians)
    pilot = len(medians)
    if stopping and stopping.pilot_blocks is not None:
        pilot = sum(number < stopping.pilot_blocks for number in blocks)
    return Student(medians, pilot) if pilot > 1 else None


def ends(found: Estimate | None, confidence: float) -> tuple[float, float] | tuple[None, None]:
    """Return the ends of the interval of an estimated logarithm, as numbers; None without ends."""
    interval = found.interval(confidence) if found else None
    if interval is None or max(map(abs, interval)) > _FARTHEST:
        return None, None
    return math.exp(interval[0]), math.exp(interval[1])


class Student:
    """The mean over blocks of each block's median, with Student's t.

    The median bears the epochs that something else disturbed; over blocks nothing more is assumed
    than that their medians are near normal. The scatter is that of the first `pilot` blocks alone:
    where it settled how many follow (Stein's rule), the mean of all is independent of it, and the
    interval is exact; the scatter of all is not independent of their number. Coverage by
    simulation: docs/measured.md.

    Sources: Student, "The probable error of a mean", Biometrika 6 (1908), 1-25; Stein, "A
    two-sample test for a linear hypothesis whose power is independent of the variance", Annals of
    Mathematical Statistics 16 (1945), 243-258.
    """

    def __init__(self, medians: FloatArray, pilot: int) -> None:
        self.value = float(medians.mean())
        self._freedom = pilot - 1
        self._error = float(medians[:pilot].std(ddof=1) / np.sqrt(len(medians)))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of this confidence, equal tails."""
        half = quantile(self._freedom, confidence) * self._error
        return self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """Return the p-value against "the truth is `bound` or less"."""
        from scipy import special

        distance = self.value - bound
        if not self._error:
            return 0.0 if distance > 0 else 1.0
        return float(special.stdtr(self._freedom, -distance / self._error))

    def p_below(self, bound: float) -> float:
        """Return the p-value against "the truth is `bound` or more"."""
        return 1.0 - self.p_above(bound) if self._error else float(self.value >= bound)


def blocks_for_width(scatter: float, pilot: int, width: float, confidence: float) -> int:
    """Return how many blocks, the pilot's among them, make the interval reach no further.

    `scatter` is that of the pilot's medians of log-ratios, `width` a fraction. Source: Stein 1945.
    """
    half = math.log1p(width)
    return max(pilot, math.ceil((quantile(pilot - 1, confidence) * scatter / half) ** 2))


def block_medians(blocks: Sequence[Sequence[float]]) -> FloatArray:
    """Return the median of each block, float64 (blocks,)."""
    return np.array([statistics.median(block) for block in blocks], np.float64)


def quantile(freedom: int, confidence: float) -> float:
    """Return Student's, two-sided: so many standard errors hold with this confidence."""
    from scipy import special

    return float(special.stdtrit(freedom, (1 + confidence) / 2))
