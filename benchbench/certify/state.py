"""How far a network's state, which no gradient changes, moved otherwise than the reference's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchbench.certify.rows import Row
from benchbench.certify.silent import variable_slices
from benchbench.spec.layers import BatchNorm
from benchbench.spec.model import LayerTrace, ModelSpec

# A mean that is zero by construction, behind another normalisation, is all rounding: below this
# share of what the layer's inputs spread, a change is measured by that.
_FLOOR = 0.01


def state_differences(
    model: ModelSpec, before: Row, expected: Row, beyond: Row, counts: npt.NDArray[np.bool_]
) -> Iterator[float]:
    """Yield for each variable of state how far its change is off, relative to that change.

    `before` are the weights, `expected` is the reference's change of them, `beyond` how far the
    candidate's is off, beyond rounding; `counts`: which values are compared at all.
    """
    parts = {
        variable.name: part
        for variable, part in zip(model.variables, variable_slices(model.variables), strict=True)
    }
    for leaf in model.leaves():
        if not isinstance(leaf.layer, BatchNorm):
            continue
        floor = _FLOOR * _spread(leaf, leaf.layer, parts, before, expected)
        for variable in leaf.variables:
            part = parts[variable.name]
            if not variable.trainable and counts[part].all():
                size = max(float(np.linalg.norm(expected[part])), floor)
                yield float(np.linalg.norm(beyond[part])) / size if size else 0.0


def _spread(
    leaf: LayerTrace, layer: BatchNorm, parts: dict[str, slice], before: Row, expected: Row
) -> float:
    """Return how far a step moves a moving mean from an input as far off as a batch spreads."""
    (part,) = (parts[one.name] for one in leaf.variables if one.role == "moving_variance")
    new = 1 - layer.momentum
    # One step moves the variance by `new` of what the batch has more; some steps by more of it.
    batch = np.abs(expected[part] / new + before[part])
    return new * float(np.linalg.norm(np.sqrt(batch)))
