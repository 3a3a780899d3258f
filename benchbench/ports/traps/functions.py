"""Mistakes between two layers, recognised by numbers: which function goes from one to the next?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from benchbench.ports.report import Trap
from benchbench.ports.traps.elementwise import FITS, FUNCTIONS, Values, trap_of
from benchbench.ports.traps.windows import over_places, recognised
from benchbench.ports.triple import relative


def of_function(before: Values, a: Values, b: Values, of_b: Values | None = None) -> Trap | None:
    """Return what A and B do with the same values `before`, where it is something known.

    `of_b` is what B has in their place, where it is laid out otherwise.
    """
    left, right = recognised(before, a), recognised(before if of_b is None else of_b, b)
    if left is None or right is None or left == right:
        return None
    words = f"A computes {left.words} here, B {right.words}"
    if left.pooling == right.pooling:
        return Trap(trap_of(left.function, right.function), words)
    counted = "padding" in left.pooling and "padding" in right.pooling
    return Trap("average pool counting padding" if counted else "pooling", words)


def of_order(a: Values, b: Values) -> Trap | None:
    """Return that B has A's values in another order: axes were mixed up."""
    if a.size != b.size or len(a) != len(b):
        return None
    left, right = np.sort(a.reshape(len(a), -1)), np.sort(b.reshape(len(b), -1))
    if relative(right, left) < FITS:
        if _is_turned(a, b):
            return Trap(
                "concatenation order",
                "the values are the same, but the channels of two parts are exchanged: they are "
                "concatenated the other way round",
            )
        return Trap(
            "Flatten order",
            "the values are the same, in another order: a reshape or flatten of axes that the "
            "other transposes first (channels first, channels last)",
        )
    return None


def _is_turned(a: Values, b: Values) -> bool:
    """Say whether the last axis of B has A's first part behind, and its last part in front."""
    if a.shape != b.shape:
        return False
    return any(
        relative(np.roll(b, count, axis=-1), a) < FITS
        for count in range(1, a.shape[-1] if a.ndim > 1 else 1)
    )


def of_residual(a: Values, b: Values, traced: Iterator[tuple[str, Values]]) -> Trap | None:
    """Return that the difference is a tensor from before: a shortcut left out, or added."""
    if a.shape != b.shape:
        return None
    gap = b - a
    for name, value in traced:
        if value.shape != gap.shape:
            continue
        for sign, words in ((-1, "B leaves out"), (1, "B adds")):
            if relative(sign * gap, value) < 1e-4:
                return Trap("residual connection", f"{words} the shortcut from '{name}'")
    return None


def of_shortcut(
    before: Values, a: Values, b: Values, traced: Iterator[tuple[str, Values]]
) -> Trap | None:
    """Return that A and B add an earlier tensor to `before` otherwise, or one does not.

    Behind the sum may stand an activation, and a mean over all positions.
    """
    for name, value in traced:
        if value.shape != before.shape:
            continue
        for activation in ("nothing", "relu", "gelu", "silu", "tanh"):
            function = FUNCTIONS[activation]
            forms = {
                "added, then the activation": function(before + value),
                "the activation, then added": function(before) + value,
                "": function(before),
            }
            found = [_form_and_place(forms, one) for one in (a, b)]
            if None in found or found[0] == found[1]:
                continue
            (left, place), (right, other) = found  # type: ignore[misc] # none is None
            if place != other:
                words = f"A takes {place or 'all places'} here, B {other or 'all places'}"
                return Trap("pooling", words)
            if left and right:
                words = f"A has the shortcut from '{name}' {left} ({activation}); B {right}"
                return Trap("activation before the sum", words)
            words = "leaves out" if left else "adds"
            return Trap("residual connection", f"B {words} the shortcut from '{name}'")
    return None


def _form_and_place(forms: Mapping[str, Values], value: Values) -> tuple[str, str] | None:
    """Return which form a value has, and what was taken over its places, "" for nothing."""
    for form, made in forms.items():
        if relative(made, value) < FITS:
            return form, ""
        if value.ndim == 2 < made.ndim and value.shape[-1] == made.shape[-1]:
            for place, taken in over_places(made):
                if relative(taken, value) < FITS:
                    return form, place
    return None


def of_precision(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> Trap | None:
    """Return that the numbers of one were rounded to a shorter format, and the other's not."""
    formats = [_format(one) for one in (a, b)]
    for label, own, other in (("A", *formats), ("B", *formats[::-1])):
        if own and own != other:
            bits = {"bfloat16": 8, "float16": 11}[own]
            return Trap(own, f"every number of {label} here has the {bits} bits of a {own}")
    return None


def _format(values: npt.NDArray[np.generic]) -> str:
    """Return the name of the shorter format that holds these numbers, if one does."""
    short = values.astype(np.float32)
    if short.size < 8 or not np.any(short):
        return ""
    if not (short.view(np.uint32) & 0xFFFF).any():
        return "bfloat16"
    return "float16" if np.array_equal(short.astype(np.float16).astype(np.float32), short) else ""
