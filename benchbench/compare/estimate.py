"""From paired log-ratios, block by block, to an estimate of their middle and how sure it is.

The unit of replication is the block: a process of its own on either side. Epochs of one process
share its memory layout, its place among the cores and its luck, so they are no replicates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class Student:
    """The mean over blocks of each block's median, with Student's t on one less than the blocks.

    The median bears the epochs that something else disturbed; over blocks nothing more is assumed
    than that their medians are near normal. Coverage by simulation: docs/how-we-measure.md.

    Source: Student, "The probable error of a mean", Biometrika 6 (1908), 1-25.
    """

    def __init__(self, blocks: Sequence[Sequence[float]]) -> None:
        medians = block_medians(blocks)
        self.value = float(medians.mean())
        self._freedom = len(medians) - 1
        self._error = float(medians.std(ddof=1) / np.sqrt(len(medians)))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of this confidence, equal tails."""
        from scipy import special

        half = float(special.stdtrit(self._freedom, (1 + confidence) / 2)) * self._error
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


def block_medians(blocks: Sequence[Sequence[float]]) -> FloatArray:
    """Return the median of each block, float64 (blocks,)."""
    return np.array([np.median(np.asarray(block, np.float64)) for block in blocks])
