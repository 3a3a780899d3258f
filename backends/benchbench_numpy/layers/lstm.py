"""Long short-term memory: a state and a memory that gates write, keep and show."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array
from benchbench_numpy.layers.probabilities import sigmoid
from benchbench_numpy.layers.recurrent import Recurrent


class LSTM(Recurrent):
    """z = x @ kernel + h @ recurrent_kernel + bias, whose quarters are i, f, g, o in this order.

        c' = sigmoid(f) c + sigmoid(i) tanh(g),  h' = sigmoid(o) tanh(c')

    | array       | shape                                              |
    |-------------|----------------------------------------------------|
    | bias        | (1, 4 * units)                                     |
    | c           | (steps + 1, n, units)                              |
    | gates       | (steps, 4, n, units), after sigmoid and tanh       |
    """

    gates = 4

    def _go(self, driven: Array) -> None:
        steps, n, columns = driven.shape
        self._c = np.zeros_like(self._h)
        self._gates = np.empty((steps, 4, n, self._units), driven.dtype)
        for t in range(steps):
            z = driven[t] + self._h[t] @ self._recurrent + self._bias[0]
            parts = z.reshape(n, 4, columns // 4).swapaxes(0, 1)
            gates = self._gates[t]
            gates[...] = sigmoid(parts)
            gates[2] = np.tanh(parts[2])
            i, f, g, o = gates
            self._c[t + 1] = f * self._c[t] + i * g
            self._h[t + 1] = o * np.tanh(self._c[t + 1])

    def _return(self, dh: Array) -> tuple[Array, Array]:
        steps, n, _ = dh.shape
        dz = np.empty((steps, n, 4, self._units), dh.dtype)
        dc = np.zeros_like(dh[0])
        for t in reversed(range(steps)):
            i, f, g, o = self._gates[t]
            shown = np.tanh(self._c[t + 1])
            dc += dh[t] * o * (1 - np.square(shown))
            dz[t, :, 0] = dc * g * i * (1 - i)
            dz[t, :, 1] = dc * self._c[t] * f * (1 - f)
            dz[t, :, 2] = dc * i * (1 - np.square(g))
            dz[t, :, 3] = dh[t] * shown * o * (1 - o)
            dc *= f
            if t:
                dh[t - 1] += dz[t].reshape(n, -1) @ self._recurrent.T
        whole = dz.reshape(steps, n, -1)
        return whole, whole
