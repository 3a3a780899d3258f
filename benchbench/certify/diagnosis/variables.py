"""What differs in the variables themselves: their shapes, or what comes back of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchbench.certify.exercise import relative_difference
from benchbench.certify.rows import Arrays
from benchbench.certify.suspects import flattened_shape, in_order
from benchbench.spec.model import ModelSpec
from benchbench.spec.variables import Shape

# Rounding to 8 bits (bfloat16) or 11 (TF32, half) leaves relative differences below this.
_LOW_PRECISION = 1e-2


def array_names(model: ModelSpec) -> list[str]:
    """Name every variable with the kind of its layer: "layers.1.kernel (Dense)"."""
    return [
        f"{variable.name} ({type(trace.layer).__name__})"
        for trace in model.leaves()
        for variable in trace.variables
    ]


def of_shapes(model: ModelSpec, observed: Sequence[Shape]) -> str:
    """Say which of the arrays has another shape than the spec's."""
    expected = model.variable_shapes
    if len(observed) != len(expected):
        return (
            f"`variables` gives {len(observed)} arrays, the spec has {len(expected)}: "
            f"{', '.join(array_names(model))}"
        )
    wrong = [
        (f"the {name} is {theirs}, the spec's is {ours}", sorted(theirs) == sorted(ours))
        for name, ours, theirs in zip(array_names(model), expected, observed, strict=True)
        if ours != theirs
    ]
    told = "; ".join(words for words, _ in wrong)
    if all(turned for _, turned in wrong):
        return f"{told}: Dense kernels are (in, out), Conv2D kernels (height, width, in, out)"
    return f"{told}: look at padding, at pools that round up, and at the layout of kernels"


def of_returned(model: ModelSpec, given: Arrays, returned: Arrays, changed: Sequence[int]) -> str:
    """Say how the weights that came back differ from those that were given."""
    names = array_names(model)
    for index in changed:
        if np.array_equal(np.sort(given[index], axis=None), np.sort(returned[index], axis=None)):
            order = _flatten_order(model, index, given[index], returned[index])
            return f"the {names[index]} came back in another order: {order}"
    which = ", ".join(names[index] for index in changed)
    rounded = max(
        relative_difference(returned[index], given[index]) if np.any(given[index]) else math.inf
        for index in changed
    )
    if rounded < _LOW_PRECISION:
        return (
            f"weights came back rounded, by {rounded:.1e}: {which}; are they kept in half or "
            f"bfloat16? They must be float32"
        )
    return f"other weights came back than were given: {which}; `set_variables` must take them all"


def _flatten_order(model: ModelSpec, index: int, ours: Any, theirs: Any) -> str:
    """Say whether a kernel's rows are in the order of another Flatten."""
    owners = [(leaf, variable) for leaf in model.leaves() for variable in leaf.variables]
    trace, variable = owners[index]
    shape = flattened_shape(model, trace)
    if shape and len(shape) == 3 and variable.role == "kernel":
        there = in_order(ours, shape, (2, 0, 1))
        back = ours[np.arange(len(ours)).reshape(shape).transpose(2, 0, 1).ravel()]
        if any(np.array_equal(theirs, one) for one in (there, back)):
            return (
                "its rows run over (channels, height, width), as another Flatten lays them out, "
                "not over (height, width, channels)"
            )
    return "a layout is mistaken"
