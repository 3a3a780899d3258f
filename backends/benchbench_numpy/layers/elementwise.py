"""Activations but for ReLU: one function of each value. Formulas: benchbench.spec.layers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import benchbench
from benchbench_numpy.layers.layer import Array, Layer

Function: TypeAlias = Callable[[Array], Array]

_ROOT = math.sqrt(2 / math.pi)
_CUBE = 0.044715


@functools.cache
def _special() -> Any:
    """Return SciPy's functions: imported where one is used, for that takes a tenth of a second."""
    from scipy import special

    return special


class Elementwise(Layer):
    """y = f(x), dx = f'(x) dy. x, y, dx and dy share any shape (n, ...)."""

    def __init__(self, name: str) -> None:
        self._function, self._derivative = FUNCTIONS.get(name) or MISTAKEN_FUNCTIONS[name]
        if name in _OF_SCIPY:
            _special()  # while the network is built, not while its first epoch is timed

    def forward(self, x: Array) -> Array:
        self._x = x
        return self._function(x)

    def backward_input(self, dy: Array) -> Array:
        dy *= self._derivative(self._x)
        return dy


def _leaky_slope(x: Array) -> Array:
    return np.where(x > 0, x.dtype.type(1), x.dtype.type(benchbench.LEAKY_SLOPE))


def _gelu(x: Array) -> Array:
    return x * _special().ndtr(x)


def _gelu_slope(x: Array) -> Array:
    return _special().ndtr(x) + x * np.exp(-0.5 * np.square(x)) / math.sqrt(2 * math.pi)


def _gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(_ROOT * (x + _CUBE * x**3)))


def _gelu_tanh_slope(x: Array) -> Array:
    tanh = np.tanh(_ROOT * (x + _CUBE * x**3))
    inner = _ROOT * (1 + 3 * _CUBE * np.square(x))
    return 0.5 * (1 + tanh) + 0.5 * x * (1 - np.square(tanh)) * inner


def _silu_slope(x: Array) -> Array:
    sigmoid = _special().expit(x)
    return sigmoid * (1 + x * (1 - sigmoid))


_OF_SCIPY = frozenset({"gelu", "silu", "sigmoid"})
# Each function with its derivative.
FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: ((x > 0) & (x < 6)).astype(x.dtype)),
    "leaky_relu": (lambda x: x * _leaky_slope(x), _leaky_slope),
    "elu": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.exp(np.minimum(x, 0)),
    ),
    "gelu": (_gelu, _gelu_slope),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_slope),
    "silu": (lambda x: x * _special().expit(x), _silu_slope),
    "tanh": (np.tanh, lambda x: 1 - np.square(np.tanh(x))),
    "sigmoid": (
        lambda x: _special().expit(x),
        lambda x: _special().expit(x) * _special().expit(-x),
    ),
}


def _leaky(slope: float, *, at_zero: float) -> tuple[Function, Function]:
    """Return a leaky ReLU of another slope, or with another derivative at 0."""

    def derivative(x: Array) -> Array:
        y = np.where(x > 0, x.dtype.type(1), x.dtype.type(slope))
        y[x == 0] = at_zero
        return y

    return lambda x: np.where(x > 0, x, x * x.dtype.type(slope)), derivative


# As they are often mistaken: see `mistaken`.
MISTAKEN_FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "leaky_relu 0.01": _leaky(0.01, at_zero=0.01),
    "leaky_relu 0.3": _leaky(0.3, at_zero=0.3),
    "leaky_relu open at 0": _leaky(benchbench.LEAKY_SLOPE, at_zero=1),
}
