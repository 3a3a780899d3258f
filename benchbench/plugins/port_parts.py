"""Parts that several frameworks need: an array as it is, transposed, split, in another order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchbench.plugins.ports import VariablePart


def plain(role: str, source: str, *, fixed: bool = False, constant: bool = False) -> VariablePart:
    """Return a variable that is an array of the framework's as it is."""
    return VariablePart(
        role, (source,), lambda arrays: arrays[0], lambda value: [value], fixed, constant
    )


def transposed(role: str, source: str, axes: Sequence[int], *, fixed: bool = False) -> VariablePart:
    """Return a variable whose axes are those of the framework's array in this order."""
    back = np.argsort(axes)
    return VariablePart(
        role,
        (source,),
        lambda arrays: np.transpose(arrays[0], axes),
        lambda value: [np.transpose(value, back)],
        fixed,
    )


def reshaped(
    role: str, source: str, shape: tuple[int, ...], own: tuple[int, ...], *, fixed: bool = False
) -> VariablePart:
    """Return a variable of `shape` where the framework's array has the shape `own`."""
    return VariablePart(
        role,
        (source,),
        lambda arrays: np.reshape(arrays[0], shape),
        lambda value: [np.reshape(value, own)],
        fixed,
    )


def summed(role: str, sources: tuple[str, ...], *, fixed: bool = False) -> VariablePart:
    """Return a variable that acts as the sum of several arrays; it is set in the first."""
    return VariablePart(
        role,
        sources,
        lambda arrays: np.sum(arrays, axis=0),
        lambda value: [value, *(np.zeros_like(value) for _ in sources[1:])],
        fixed,
    )


def concatenated(role: str, sources: tuple[str, ...], *, fixed: bool = False) -> VariablePart:
    """Return a variable whose last axis is that of several arrays, one behind the other."""
    return VariablePart(
        role,
        sources,
        lambda arrays: np.concatenate(arrays, axis=-1),
        lambda value: np.split(value, len(sources), axis=-1),
        fixed,
    )


def gates(part: VariablePart, order: Sequence[int]) -> VariablePart:
    """Return a part whose last axis holds gates: they come in `order` of the part's own."""
    back = [int(place) for place in np.argsort(order)]

    def arranged(value: np.ndarray, places: Sequence[int]) -> np.ndarray:
        blocks = np.split(value, len(order), axis=-1)
        return np.concatenate([blocks[place] for place in places], axis=-1)

    return VariablePart(
        part.role,
        part.sources,
        lambda arrays: arranged(part.join(arrays), order),
        lambda value: part.split(arranged(value, back)),
        part.fixed,
    )


def stacked(role: str, parts: Sequence[VariablePart], *, fixed: bool = False) -> VariablePart:
    """Return a variable with one row for each of several parts of one array each."""
    return VariablePart(
        role,
        tuple(part.sources[0] for part in parts),
        lambda arrays: np.stack([p.join([a]) for p, a in zip(parts, arrays, strict=True)]),
        lambda value: [p.split(row)[0] for p, row in zip(parts, value, strict=True)],
        fixed,
    )


def not_one_output(output: Any) -> str:
    """Return why what a network answers cannot be compared: it is no single array."""
    if output is None:
        return "its forward pass returns None: is a `return` missing?"
    kind = type(output).__name__
    if isinstance(output, Mapping):
        kind = f"a {kind} of {', '.join(map(str, output))}"
    elif isinstance(output, Sequence):
        shapes = [str(tuple(getattr(one, "shape", ()))) for one in output]
        kind = f"a {kind} of {len(output)} ({', '.join(shapes)})"
    return (
        f"its forward pass returns {kind}; expected one array, that which the loss takes: name a "
        f"factory that wraps the network and returns it alone"
    )
