"""A network that trains at random cannot be compared: the same batch, twice, must train alike."""

from __future__ import annotations

import numpy as np

from benchbench.ports.messages import NamedArrays
from benchbench.ports.process import PortFailure
from benchbench.ports.triple import relative

# Gradients of one batch, computed twice, may differ by so much; small ones on the scale of all.
_REPEATS = 1e-2
_SHARE = 1e-3


def must_repeat(label: str, first: NamedArrays, second: NamedArrays) -> None:
    """Compare the gradients of one batch, computed twice. Raises PortFailure."""
    largest = max((float(np.linalg.norm(value)) for value in first.values()), default=0.0)
    for name, value in first.items():
        if relative(second[name], value, scale=_SHARE * largest) > _REPEATS:
            raise PortFailure(
                f"{label} draws random numbers in training: the gradient of {name} differs when "
                f"the same batch is computed twice. Dropout layers and functions are switched off "
                f"here; noise, augmentation, stochastic depth and dropout written by hand are not: "
                f"have both factories make their networks without them"
            )
