"""How the same variable is laid out in two networks: as it is, transposed, channels in front."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]
ArrayShape = tuple[int, ...]

# Behind the name of a variable in a map.
TRANSPOSED = ".T"


def squeezed(shape: ArrayShape) -> ArrayShape:
    """Return a shape without its axes of one; of a single number it is (1,)."""
    return tuple(size for size in shape if size != 1) or (1,)


def fits(a: ArrayShape, b: ArrayShape) -> bool:
    """Say whether a variable of one shape may be one of the other."""
    if a == b or squeezed(a) == squeezed(b) or _axes(a, b) is not None:
        return True
    return len(a) != len(b) and np.prod(a) == np.prod(b)


def laid_out(value: AnyArray, shape: ArrayShape, *, turned: bool = False) -> AnyArray:
    """Return a variable in a shape that it fits; a matrix transposed if it is `turned`."""
    if turned and value.ndim == 2 and value.T.shape == tuple(shape):
        return value.T
    if value.shape == tuple(shape):
        return value
    axes = _axes(value.shape, tuple(shape))
    return value.reshape(shape) if axes is None else value.transpose(axes)


def _axes(a: ArrayShape, b: ArrayShape) -> tuple[int, ...] | None:
    """Return the order of axes: kernels are (..., in, out) or (out, in, ...)."""
    if len(a) != len(b) or len(a) < 2:
        return None
    rank = len(a)
    orders = (
        (rank - 1, rank - 2, *range(rank - 2)),
        (*range(2, rank), 1, 0),
        tuple(range(rank))[::-1],
    )
    return next((one for one in orders if tuple(a[axis] for axis in one) == b), None)
