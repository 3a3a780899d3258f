"""The optimizers, by the formulas of the protocol, on one vector of parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

import benchbench
from benchbench_numpy.layers import Array

Settings = TypeVar("Settings", bound=benchbench.Optimizer)


@dataclass(frozen=True)
class Before:
    """What comes before the formula: the gradient is clipped, parts of the vector are decayed."""

    clip_norm: float | None = None
    weight_decay: float = 0.0
    decayed: tuple[slice, ...] = ()


_NOTHING = Before()


class Optimizer(ABC, Generic[Settings]):
    """Changes a vector of parameters by its gradient; all of its state has the vector's shape.

    Source of a formula: the optimizer's docstring in `benchbench`.
    """

    def __init__(self, settings: Settings, parameters: Array, before: Before = _NOTHING) -> None:
        self._settings = settings
        self._before = before
        self._step = 0  # updates made, the one at work included
        self._scratch = np.empty_like(parameters)

    def update(self, parameters: Array, gradient: Array) -> None:
        """Take one step: change `parameters` in place by their `gradient`, which stays as it is."""
        # Python floats: the scalars are computed in float64 whatever the dtype of the arrays.
        rate = self._settings.rate_at(self._step)
        self._step += 1
        if self._before.clip_norm is not None:
            gradient = clipped(gradient, self._before.clip_norm)
        self.decay(parameters, rate)
        self.move(parameters, gradient, rate)

    def decay(self, parameters: Array, rate: float) -> None:
        """Shrink the decayed parts, in place."""
        for part in self._before.decayed:
            parameters[part] -= parameters[part] * (rate * self._before.weight_decay)

    @abstractmethod
    def move(self, parameters: Array, gradient: Array, rate: float) -> None:
        """Change `parameters` in place by the formula."""


class SGD(Optimizer[benchbench.SGD]):
    """b = momentum b + g; theta -= rate b, or with Nesterov rate (g + momentum b)."""

    def __init__(
        self, settings: benchbench.SGD, parameters: Array, before: Before = _NOTHING
    ) -> None:
        super().__init__(settings, parameters, before)
        self._velocity = np.zeros_like(parameters)

    def move(self, parameters: Array, gradient: Array, rate: float) -> None:
        momentum, velocity, scratch = self._settings.momentum, self._velocity, self._scratch
        velocity *= momentum
        velocity += gradient
        if self._settings.nesterov:
            np.multiply(velocity, momentum, out=scratch)
            scratch += gradient
            scratch *= rate
        else:
            np.multiply(velocity, rate, out=scratch)
        parameters -= scratch


class Adam(Optimizer[benchbench.Adam | benchbench.AdamW]):
    """theta -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon), AdamW too.

    m and v are the running means of the gradient and of its square; t counts the steps from 1.
    Epsilon added to the corrected root, sqrt(v / (1 - beta_2^t)), is epsilon sqrt(1 - beta_2^t)
    added to the uncorrected one.
    """

    def __init__(
        self,
        settings: benchbench.Adam | benchbench.AdamW,
        parameters: Array,
        before: Before = _NOTHING,
    ) -> None:
        super().__init__(settings, parameters, before)
        self._m = np.zeros_like(parameters)
        self._v = np.zeros_like(parameters)

    def move(self, parameters: Array, gradient: Array, rate: float) -> None:
        adam, scratch = self._settings, self._scratch
        root = math.sqrt(1 - adam.beta_2**self._step)
        corrected = adam.epsilon_added_to == "corrected_root"
        self._m *= adam.beta_1
        self._m += np.multiply(gradient, 1 - adam.beta_1, out=scratch)
        self._v *= adam.beta_2
        np.square(gradient, out=scratch)
        self._v += np.multiply(scratch, 1 - adam.beta_2, out=scratch)
        np.sqrt(self._v, out=scratch)
        scratch += adam.epsilon * root if corrected else adam.epsilon
        np.divide(self._m, scratch, out=scratch)
        scratch *= rate * root / (1 - adam.beta_1**self._step)
        parameters -= scratch


class RMSprop(Optimizer[benchbench.RMSprop]):
    """v = rho v + (1 - rho) g^2; theta -= rate g / sqrt(v + epsilon)."""

    def __init__(
        self, settings: benchbench.RMSprop, parameters: Array, before: Before = _NOTHING
    ) -> None:
        super().__init__(settings, parameters, before)
        self._v = np.zeros_like(parameters)

    def move(self, parameters: Array, gradient: Array, rate: float) -> None:
        rho, scratch = self._settings.rho, self._scratch
        self._v *= rho
        np.square(gradient, out=scratch)
        self._v += np.multiply(scratch, 1 - rho, out=scratch)
        np.add(self._v, self._settings.epsilon, out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(gradient, scratch, out=scratch)
        scratch *= rate
        parameters -= scratch


def make_optimizer(
    protocol: benchbench.TrainingProtocol,
    variables: Sequence[benchbench.Variable],
    parameters: Array,
) -> Optimizer[Any]:
    """Return the protocol's optimizer for a vector that holds `variables` one after another."""
    settings = protocol.optimizer
    weight_decay = getattr(settings, "weight_decay", 0.0)
    decayed = decayed_parts(variables) if weight_decay else ()
    before = Before(protocol.clip_norm, weight_decay, decayed)
    match settings:
        case benchbench.SGD():
            return SGD(settings, parameters, before)
        case benchbench.Adam() | benchbench.AdamW():
            return Adam(settings, parameters, before)
        case benchbench.RMSprop():
            return RMSprop(settings, parameters, before)
    raise benchbench.Unsupported(f"NumPy has no optimizer {type(settings).__name__}")


def decayed_parts(variables: Sequence[benchbench.Variable]) -> tuple[slice, ...]:
    """Return where in their vector the variables are on which weight decay acts."""
    parts, start = [], 0
    for variable in variables:
        part = slice(start, start + variable.count)
        start = part.stop
        if variable.decayed:
            parts.append(part)
    return tuple(parts)


def clipped(gradient: Array, largest: float) -> Array:
    """Return the gradient, scaled down to the norm `largest` if its own is larger."""
    norm = math.sqrt(float(np.dot(gradient, gradient)))
    return gradient * (largest / norm) if norm > largest else gradient
