"""Do the epochs of a cell become slower, or faster, one after another?

Steady epochs do the same work. A trend in them has a cause that their median hides: heat, memory
that fills, numbers that become denormal, a cache or a compiler that is still warming up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchbench.records import RunRecord

# So much from the first steady epoch to the last is worth a word, if chance would make it so
# rarely. With noise that is drawn anew for each epoch one cell in a thousand is named wrongly.
_LEAST_CHANGE = 0.05
_CHANCE = 0.001
_FEWEST_EPOCHS = 4


def trend(runs: Sequence[RunRecord]) -> str | None:
    """Say how the steady epochs of one cell's runs change; None where they do not.

    A line through the logarithms of the times, with one slope for all runs and a level for each;
    its slope is held against Student's t distribution. Source: ordinary least squares.
    """
    logs = [
        np.log([epoch.train_seconds for epoch in run.epochs[1:]])
        for run in runs
        if len(run.epochs) > _FEWEST_EPOCHS
        and all(epoch.train_seconds > 0 for epoch in run.epochs[1:])
    ]
    if not logs:
        return None
    numbers = np.concatenate([np.arange(len(one)) - (len(one) - 1) / 2 for one in logs])
    values = np.concatenate([one - one.mean() for one in logs])
    slope = float(numbers @ values / (numbers @ numbers))
    length = max(map(len, logs)) - 1
    change = math.expm1(slope * length)
    if abs(change) < _LEAST_CHANGE or _p_value(numbers, values, slope, len(logs)) > _CHANCE:
        return None
    last = length + 2
    if change > 0:
        return (
            f"its epochs become slower, by {100 * change:.0f} % from epoch 2 to {last}: is it "
            f"heat, memory that fills, or numbers that become denormal? The median hides it"
        )
    return (
        f"its epochs become faster, by {-100 * change:.0f} % from epoch 2 to {last}: it was still "
        f"warming up, and more --epochs would show a shorter time"
    )


def _p_value(
    numbers: np.ndarray[tuple[int], np.dtype[np.float64]],
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    slope: float,
    levels: int,
) -> float:
    from scipy import special

    freedom = len(values) - levels - 1
    rest = float(np.square(values - slope * numbers).sum())
    if rest <= 0:
        return 0.0
    error = math.sqrt(rest / freedom / float(numbers @ numbers))
    return float(2 * special.stdtr(freedom, -abs(slope) / error))
