"""One quantity of both networks, and how far one is from the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]


class NotFinite(Exception):  # noqa: N818 - an answer: A computes NaN or infinity
    """There is nothing that B could be compared with."""


@dataclass(frozen=True)
class Triple:
    """One quantity, three times: A in float64, A in float32, B."""

    exact: AnyArray
    own: AnyArray
    other: AnyArray

    @property
    def difference(self) -> float:
        """How far B is from A, as a fraction of A. Raises NotFinite."""
        return self.difference_on(0.0)

    @property
    def noise(self) -> float:
        """How far A in float32 is from A in float64."""
        return relative(self.own, self.exact)

    def difference_on(self, scale: float) -> float:
        """Return how far B is from A, as a fraction of A or of `scale`, if that is larger.

        Raises NotFinite where A, with which B is compared, is.
        """
        if not np.isfinite(self.exact).all():
            raise NotFinite
        return relative(self.other, self.exact, scale=scale)


def relative(value: AnyArray, reference: AnyArray, *, scale: float = 0.0) -> float:
    """Return the norm of the difference over that of the reference, infinite for other shapes."""
    if value.shape != reference.shape:
        return float("inf")
    exact = reference.astype(np.float64)
    norm = max(float(np.linalg.norm(exact)), scale, 1e-30)
    found = float(np.linalg.norm(value.astype(np.float64) - exact)) / norm
    return found if np.isfinite(found) else float("inf")
