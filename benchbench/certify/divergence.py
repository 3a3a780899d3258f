"""Training that goes so far that float32 cannot follow is refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import Program
from benchbench.certify.rows import Row
from benchbench.errors import Unsupported

# Training that makes weights so many times as large, of 1 or of the largest, diverges.
_DIVERGED = 1e8


def refuse_divergence(before: Row, after: npt.NDArray[np.float64], program: Program) -> None:
    """Raise Unsupported where training took the weights so far that float32 cannot follow."""
    most = _DIVERGED * max(1.0, float(np.abs(before).max()))
    if not np.abs(after).max() <= most:
        raise Unsupported(
            f"no certificate can be made of this model and protocol: in {program.steps} steps the "
            f"reference's weights grow beyond {most:.0e}; a learning rate at which the loss grows "
            f"does this: try a smaller one"
        )
