"""Adam, by the formula of the protocol."""

from __future__ import annotations

import math

import numpy as np

import benchbench
from benchbench_numpy.layers import Array


class Adam:
    """theta -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon).

    m and v are the running means of the gradient and of its square, shaped as the parameters and
    updated in place; t counts the steps from 1. Source: `benchbench.Adam`.
    """

    def __init__(self, settings: benchbench.Adam, parameters: Array) -> None:
        self._settings = settings
        self._step = 0
        self._m = np.zeros_like(parameters)
        self._v = np.zeros_like(parameters)
        self._scratch = np.empty_like(parameters)

    def update(self, parameters: Array, gradient: Array) -> None:
        """Take one step: change `parameters` in place by their `gradient`, which stays as it is."""
        adam, scratch = self._settings, self._scratch
        self._step += 1
        # Python floats: the scalars are computed in float64 whatever the dtype of the arrays.
        rate = (
            adam.learning_rate
            * math.sqrt(1 - adam.beta_2**self._step)
            / (1 - adam.beta_1**self._step)
        )
        self._m *= adam.beta_1
        self._m += np.multiply(gradient, 1 - adam.beta_1, out=scratch)
        self._v *= adam.beta_2
        np.square(gradient, out=scratch)
        self._v += np.multiply(scratch, 1 - adam.beta_2, out=scratch)
        np.sqrt(self._v, out=scratch)
        scratch += adam.epsilon
        np.divide(self._m, scratch, out=scratch)
        scratch *= rate
        parameters -= scratch
