"""One number that all of B's numbers are as many times as large as A's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchbench.ports.triple import Triple, relative

CONSTANT = 2e-3


def constant_ratio(one: Triple) -> float | None:
    """Return c where B = c A for every number, else None."""
    large = np.abs(one.exact) > 1e-3 * np.max(np.abs(one.exact), initial=0)
    if not large.any():
        return None
    ratio = float(np.sum(one.exact * one.other) / np.sum(one.exact.astype(np.float64) ** 2))
    fits = ratio != 0 and relative(one.other, ratio * one.exact) < CONSTANT
    return ratio if fits else None


def common(ratios: Sequence[float]) -> float | None:
    """Return the mean of ratios that are one number, else None."""
    if not ratios or np.ptp(ratios) > CONSTANT * abs(float(np.mean(ratios))):
        return None
    return float(np.mean(ratios))
