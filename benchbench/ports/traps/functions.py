"""Mistakes between two layers, recognised by numbers: which function goes from one to the next?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.ports.report import Trap
from benchbench.ports.triple import relative

Values = npt.NDArray[np.float64]
# A function fits where it leaves so little, and the next best leaves this many times more.
FITS = 1e-5


def of_function(before: Values, a: Values, b: Values) -> Trap | None:
    """Return what A and B do with the same values `before`, where it is something known."""
    if before.shape == a.shape == b.shape:
        left, right = _named(before, a), _named(before, b)
        if left and right and left != right:
            return Trap(_trap(left, right), f"A computes {left} here, B {right}")
    if before.ndim == 4 and a.ndim == b.ndim == 4:
        left, right = _pooling(before, a), _pooling(before, b)
        if left and right and left != right:
            counted = "padding" in left and "padding" in right
            trap = "average pool counting padding" if counted else "pooling"
            return Trap(trap, f"A computes {left} here, B {right}")
    return None


def of_order(a: Values, b: Values) -> Trap | None:
    """Return that B has A's values in another order: axes were mixed up."""
    if a.size != b.size or len(a) != len(b):
        return None
    left, right = np.sort(a.reshape(len(a), -1)), np.sort(b.reshape(len(b), -1))
    if relative(right, left) < FITS:
        return Trap(
            "Flatten order",
            "the values are the same, in another order: a reshape or flatten of axes that the "
            "other transposes first (channels first, channels last)",
        )
    return None


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
            function = _ELEMENTWISE[activation]
            forms = {
                "added, then the activation": function(before + value),
                "the activation, then added": function(before) + value,
                "": function(before),
            }
            left, right = (
                next((form for form, made in forms.items() if _is_mean(made, one)), None)
                for one in (a, b)
            )
            if left is None or right is None or left == right:
                continue
            if left and right:
                words = f"A has the shortcut from '{name}' {left} ({activation}); B {right}"
                return Trap("activation before the sum", words)
            words = "leaves out" if left else "adds"
            return Trap("residual connection", f"B {words} the shortcut from '{name}'")
    return None


def _is_mean(made: Values, value: Values) -> bool:
    """Say whether a value is this, or its mean over all positions."""
    if value.ndim == 2 and made.ndim > 2:
        made = made.mean(tuple(range(1, made.ndim - 1)))
    return relative(made, value) < FITS


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


def _named(before: Values, after: Values) -> str:
    """Return the name of the function that fits, an empty string where none does."""
    best = min(_ELEMENTWISE, key=lambda name: relative(_ELEMENTWISE[name](before), after))
    if relative(_ELEMENTWISE[best](before), after) < FITS:
        return best
    negative = before < 0
    if negative.any() and relative(after[~negative], before[~negative]) < FITS:
        slopes = after[negative] / before[negative]
        if np.ptp(slopes) < 1e-4 * max(1e-3, abs(float(slopes.mean()))):
            return f"leaky_relu of slope {float(np.median(slopes)):.4g}"
    constant = before != 0
    ratio = after[constant] / before[constant]
    if ratio.size and np.ptp(ratio) < 1e-4 * abs(float(ratio.mean())):
        return f"{_SCALED} {float(np.median(ratio)):.4g}"
    return _affine(before, after)


_SCALED, _SHIFTED = "a multiplication by", "x times"


def _affine(before: Values, after: Values) -> str:
    """Return the factor and the constant of each channel, where these make one of the other."""
    rows, wanted = (one.reshape(-1, one.shape[-1]) for one in (before, after))
    if rows.shape[-1] > _CHANNELS or len(rows) < 2 * _CHANNELS:
        return ""
    centred = rows - rows.mean(0)
    factor = (centred * wanted).sum(0) / np.maximum((centred**2).sum(0), 1e-30)
    shift = wanted.mean(0) - factor * rows.mean(0)
    if relative(rows * factor + shift, wanted) > FITS:
        return ""
    numbers = [", ".join(f"{float(x):.4g}" for x in one) for one in (factor, shift)]
    return f"{_SHIFTED} [{numbers[0]}] plus [{numbers[1]}], by channel"


# Of so many channels factors and constants are fitted.
_CHANNELS = 4


def _trap(left: str, right: str) -> str:
    names = {left, right}
    if any(name.startswith(_SHIFTED) for name in names):
        return "normalization of the inputs"
    if any(name.startswith(_SCALED) for name in names):
        return "factor"
    if names == {"gelu", "gelu by tanh"}:
        return "GELU by tanh"
    if all("leaky_relu" in name or name == "relu" for name in names):
        return "activation slope"
    if "softmax" in names:
        return "softmax"
    return "activation"


def _erf(x: Values) -> Values:
    from scipy.special import erf

    return np.asarray(erf(x), dtype=np.float64)


def sigmoid(x: Values) -> Values:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def softmax(x: Values) -> Values:
    powers = np.exp(x - x.max(-1, keepdims=True))
    made: Values = powers / powers.sum(-1, keepdims=True)
    return made


_ELEMENTWISE: dict[str, Callable[[Values], Values]] = {
    "nothing": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "gelu": lambda x: x * (1 + _erf(x / np.sqrt(2))) / 2,
    "gelu by tanh": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softmax": softmax,
    "log_softmax": lambda x: np.log(np.maximum(softmax(x), 1e-300)),
}


def _pooling(before: Values, after: Values) -> str:
    """Return the pooling, over an activation, that fits: images are (batch, h, w, channels)."""
    for name in ("nothing", "relu", "gelu", "tanh", "leaky 0.01"):
        function: Callable[[Values], Values] = _ELEMENTWISE.get(name, _leaky)
        for pool, value in _pools(function(before), after.shape):
            if value.shape == after.shape and relative(value, after) < FITS:
                return f"{pool} of {name}" if name != "nothing" else pool
    return ""


def _leaky(x: Values) -> Values:
    return np.where(x > 0, x, 0.01 * x)


def _pools(images: Values, wanted: tuple[int, ...]) -> Iterator[tuple[str, Values]]:
    """Yield poolings with windows of 2 and 3, and paddings, that give images of this size."""
    height = images.shape[1]
    for size in (2, 3):
        for stride in (1, 2, 3):
            for first in range(size):
                for last in range(size):
                    if (height + first + last - size) // stride + 1 != wanted[1]:
                        continue
                    pads = ((0, 0), (first, last), (first, last), (0, 0))
                    padded = np.pad(images, pads, constant_values=np.nan)
                    slide: Any = np.lib.stride_tricks.sliding_window_view
                    view = slide(padded, (size, size), (1, 2))
                    windows = view[:, ::stride, ::stride].reshape(
                        *view[:, ::stride, ::stride].shape[:4], -1
                    )
                    if np.isnan(windows).all(-1).any():
                        continue
                    shape = f"{size}x{size}, strides {stride}"
                    yield f"max pooling {shape}", np.nanmax(windows, -1)
                    counted = np.nansum(windows, -1) / size**2
                    if first + last:
                        yield (
                            f"average pooling {shape} that leaves out padding",
                            np.nanmean(windows, -1),
                        )
                        yield f"average pooling {shape} that counts padding", counted
                    else:
                        yield f"average pooling {shape}", counted
