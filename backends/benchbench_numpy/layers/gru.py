"""Gated recurrent unit: a state that is kept, or written anew from part of itself."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array
from benchbench_numpy.layers.probabilities import sigmoid
from benchbench_numpy.layers.recurrent import Recurrent


class GRU(Recurrent):
    """a = x @ kernel + bias[0] and b = h @ recurrent_kernel + bias[1], thirds z, r, n of both.

        z = sigmoid(a_z + b_z),  r = sigmoid(a_r + b_r),  n = tanh(a_n + r b_n)
        h' = z h + (1 - z) n

    | array | shape                                        |
    |-------|----------------------------------------------|
    | bias  | (2, 3 * units)                               |
    | gates | (steps, 4, n, units): z, r, n, and b_n       |
    """

    gates = 3

    def _go(self, driven: Array) -> None:
        steps, n, _ = driven.shape
        self._gates = np.empty((steps, 4, n, self._units), driven.dtype)
        for t in range(steps):
            h = self._h[t]
            a, b = (
                thirds(one)
                for one in (driven[t] + self._bias[0], h @ self._recurrent + self._bias[1])
            )
            z, r = sigmoid(a[:2] + b[:2])
            new = np.tanh(a[2] + r * b[2])
            self._gates[t] = z, r, new, b[2]
            self._h[t + 1] = z * h + (1 - z) * new

    def _return(self, dh: Array) -> tuple[Array, Array]:
        steps, n, _ = dh.shape
        da = np.empty((steps, n, 3, self._units), dh.dtype)
        db = np.empty_like(da)
        for t in reversed(range(steps)):
            z, r, new, b_n = self._gates[t]
            d_new = dh[t] * (1 - z) * (1 - np.square(new))
            da[t, :, 0] = dh[t] * (self._h[t] - new) * z * (1 - z)
            da[t, :, 1] = d_new * b_n * r * (1 - r)
            da[t, :, 2] = d_new
            db[t] = da[t]
            db[t, :, 2] *= r
            if t:
                dh[t - 1] += dh[t] * z + db[t].reshape(n, -1) @ self._recurrent.T
        return da.reshape(steps, n, -1), db.reshape(steps, n, -1)


def thirds(columns: Array) -> Array:
    """Lay (n, 3 * units) out as (3, n, units)."""
    return columns.reshape(len(columns), 3, -1).swapaxes(0, 1)
