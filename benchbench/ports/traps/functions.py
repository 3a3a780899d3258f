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
    """Return that one adds an earlier tensor to `before` and the other does not.

    Behind the sum may stand a ReLU, and a mean over all positions.
    """
    for name, value in traced:
        if value.shape != before.shape:
            continue
        for activation in ("nothing", "relu"):
            left, right = (_ELEMENTWISE[activation](x) for x in (before + value, before))
            if a.ndim == 2 and before.ndim > 2:
                middle = tuple(range(1, before.ndim - 1))
                left, right = left.mean(middle), right.mean(middle)
            for words, (first, second) in (("leaves out", (a, b)), ("adds", (b, a))):
                if relative(left, first) < FITS and relative(right, second) < FITS:
                    return Trap("residual connection", f"B {words} the shortcut from '{name}'")
    return None


def of_precision(values: npt.NDArray[np.generic]) -> Trap | None:
    """Return that numbers were rounded to a shorter format."""
    short = values.astype(np.float32)
    if short.size < 8 or not np.any(short):
        return None
    if not (short.view(np.uint32) & 0xFFFF).any():
        return Trap("bfloat16", "every number here has the 8 bits of a bfloat16")
    if np.array_equal(short.astype(np.float16).astype(np.float32), short):
        return Trap("float16", "every number here has the 11 bits of a float16")
    return None


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
        return f"a multiplication by {float(np.median(ratio)):.4g}"
    return ""


def _trap(left: str, right: str) -> str:
    names = {left, right}
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
