"""Functions from one layer to the next that keep the shape, recognised by numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchbench.ports.triple import relative

Values = npt.NDArray[np.float64]
# A function fits where it leaves so little, and the next best leaves this many times more.
FITS = 1e-5
_SCALED, _SHIFTED = "a multiplication by", "x times"
# Of so many channels factors and constants are told; of more they are only fitted.
_CHANNELS = 4
# So many rows are wanted to fit a factor and a constant to each channel.
_ROWS = 8


def named(before: Values, after: Values) -> str:
    """Return the name of the function that fits, an empty string where none does."""
    if before.shape != after.shape:  # maps that were concatenated, or averaged
        return ""
    best = min(FUNCTIONS, key=lambda name: relative(FUNCTIONS[name](before), after))
    if relative(FUNCTIONS[best](before), after) < FITS:
        return best
    return _sloped(before, after) or _scaled(before, after) or _affine(before, after)


def trap_of(left: str, right: str) -> str:
    """Return the mistake of two names of functions that differ."""
    names = {left, right}
    if any(name.startswith(_SHIFTED) for name in names):
        return "normalization of the inputs"
    if any(name.startswith(_SCALED) for name in names):
        return "factor"
    if names == {"gelu", "gelu by tanh"}:
        return "GELU by tanh"
    leaky = all("leaky_relu" in name or name == "relu" for name in names)
    if leaky or all(name.startswith("elu") for name in names):
        return "activation slope"
    return "softmax" if "softmax" in names else "activation"


def _sloped(before: Values, after: Values) -> str:
    """Return a function that is x above zero, and a multiple of x or of e^x - 1 below."""
    negative = before < 0
    if not negative.any() or relative(after[~negative], before[~negative]) > FITS:
        return ""
    below = {"leaky_relu of slope": before[negative], "elu of alpha": np.expm1(before[negative])}
    for name, values in below.items():
        ratio = _one_ratio(values, after[negative])
        if ratio is not None:
            return f"{name} {ratio:.4g}"
    return ""


def _scaled(before: Values, after: Values) -> str:
    ratio = _one_ratio(before, after)
    return "" if ratio is None else f"{_SCALED} {ratio:.4g}"


def _one_ratio(before: Values, after: Values) -> float | None:
    """Return the number that all values were multiplied by, None where it is not one."""
    if not before.size:
        return None
    ratio = float((before * after).sum() / max(float((before**2).sum()), 1e-30))
    return ratio if relative(ratio * before, after) < FITS else None


def _affine(before: Values, after: Values) -> str:
    """Return the factor and the constant, of all or of each channel, where these fit."""
    factor, shift = _fitted(before.reshape(-1, 1), after.reshape(-1, 1))
    if relative(before * factor + shift, after) <= FITS:
        return f"{_SHIFTED} {float(factor[0]):.4g} plus {float(shift[0]):.4g}"
    rows, wanted = (one.reshape(-1, one.shape[-1]) for one in (before, after))
    if len(rows) < _ROWS:
        return ""
    factor, shift = _fitted(rows, wanted)
    if relative(rows * factor + shift, wanted) > FITS:
        return ""
    if rows.shape[-1] > _CHANNELS:
        return f"{_SHIFTED} a factor plus a constant, of each feature its own"
    numbers = [", ".join(f"{float(x):.4g}" for x in one) for one in (factor, shift)]
    return f"{_SHIFTED} [{numbers[0]}] plus [{numbers[1]}], by channel"


def _fitted(rows: Values, wanted: Values) -> tuple[Values, Values]:
    """Return the factor and the constant of each column, by least squares."""
    centred = rows - rows.mean(0)
    factor: Values = (centred * wanted).sum(0) / np.maximum((centred**2).sum(0), 1e-30)
    return factor, wanted.mean(0) - factor * rows.mean(0)


def _erf(x: Values) -> Values:
    from scipy.special import erf

    return np.asarray(erf(x), dtype=np.float64)


def sigmoid(x: Values) -> Values:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def softmax(x: Values) -> Values:
    powers = np.exp(x - x.max(-1, keepdims=True))
    made: Values = powers / powers.sum(-1, keepdims=True)
    return made


FUNCTIONS: dict[str, Callable[[Values], Values]] = {
    "nothing": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "gelu": lambda x: x * (1 + _erf(x / np.sqrt(2))) / 2,
    "gelu by tanh": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard tanh": lambda x: np.clip(x, -1, 1),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softmax": softmax,
    "log_softmax": lambda x: np.log(np.maximum(softmax(x), 1e-300)),
}
