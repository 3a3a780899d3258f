"""What every layer does: one way forward, two halves of the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]


class Layer(ABC):
    """A function y = f(x) of a batch, and the derivative of a scalar loss through it.

    The first axis of every array is the batch: n samples, at most as many as the layer was built
    for. dy stands for the derivative of the loss with respect to y, in the shape of y; so do dx
    and x.

    A layer owns the array it returns and fills it anew on the next call. `backward` methods speak
    of the latest `forward`, and x must not have changed since. `learns` says whether the layer has
    parameters; `training` is set by who trains: a few layers compute another function then.
    """

    learns = False
    training = False

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """Return y = f(x). Reads x only."""

    def backward_parameters(self, dy: Array) -> None:
        """Write the derivatives of the parameters into their array. Reads dy only."""
        del dy  # a layer that learns nothing has nothing to write

    @abstractmethod
    def backward_input(self, dy: Array) -> Array:
        """Return dx. May overwrite dy."""

    def inner(self) -> Sequence[Layer]:
        """Return the layers that this one holds."""
        return ()
