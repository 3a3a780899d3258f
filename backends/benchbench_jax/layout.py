"""Where a variable of the spec lies in Flax's: layouts are the same, but for a GRU."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """One of Flax's variables, or two: the first row of the spec's array and the second.

    `gates`: which of Flax's gates each of the spec's is, and the other way round; they lie side by
    side along the last axis. None: there are no gates, or they are in the same order.
    """

    variables: tuple[nnx.Variable, ...]
    gates: tuple[int, ...] = ()

    def load(self, array: FloatArray) -> None:
        """Take a canonical array."""
        rows = [array] if len(self.variables) == 1 else list(array)
        for variable, row in zip(self.variables, rows, strict=True):
            variable[...] = jnp.array(self._swapped(row))

    def array(self) -> FloatArray:
        """Return a copy as a canonical array."""
        rows = [self._swapped(np.array(variable[...])) for variable in self.variables]
        return rows[0] if len(rows) == 1 else np.stack(rows)

    def _swapped(self, row: FloatArray) -> FloatArray:
        if not self.gates:
            return row
        blocks = np.split(row, len(self.gates), axis=-1)
        return np.concatenate([blocks[gate] for gate in self.gates], axis=-1)


def places(*variables: nnx.Variable) -> list[Place]:
    """Return the places of variables that lie in Flax as in the spec."""
    return [Place((variable,)) for variable in variables]
