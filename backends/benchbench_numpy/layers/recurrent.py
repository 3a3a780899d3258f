"""What LSTM and GRU share: a state that goes from step to step, and the way back through time."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from benchbench_numpy.layers.dense import rows
from benchbench_numpy.layers.layer import Array, Layer


class Recurrent(Layer):
    """h[t + 1] = step(x[t] @ kernel, h[t]), from h[0] = 0; y is every h, or the last.

    | array            | shape                                     |
    |------------------|-------------------------------------------|
    | x, dx            | (n, steps, features)                      |
    | kernel           | (features, gates * units)                 |
    | recurrent_kernel | (units, gates * units)                    |
    | h                | (steps + 1, n, units)                     |
    | y, dy            | (n, steps, units), or (n, units)          |

    A kind of it goes its own steps there and back. Back, it gives the derivatives of both products:
    `inward`, of x @ kernel, and `onward`, of h @ recurrent_kernel, each (steps, n, gates * units).
    """

    learns = True
    gates: int

    def __init__(
        self, weights: Array, gradient: Array, *, features: int, return_sequences: bool
    ) -> None:
        """Take `weights` and their `gradient`: kernel, recurrent kernel, then the biases' rows."""
        units = weights.shape[1] // self.gates
        self._units = units
        ends = [features, features + units]
        self._kernel, self._recurrent, self._bias = np.split(weights, ends)
        parts = np.split(gradient, ends)
        self._kernel_gradient, self._recurrent_gradient, self._bias_gradient = parts
        self._return_sequences = return_sequences

    def forward(self, x: Array) -> Array:
        n, steps, _ = x.shape
        self._x = x
        driven = (rows(x) @ self._kernel).reshape(n, steps, -1).swapaxes(0, 1)
        self._h = np.zeros((steps + 1, n, self._units), x.dtype)
        self._go(driven)
        if self._return_sequences:
            return np.ascontiguousarray(self._h[1:].swapaxes(0, 1))
        return self._h[-1]

    def backward_parameters(self, dy: Array) -> None:
        dh = np.zeros_like(self._h[1:])
        if self._return_sequences:
            dh[...] = dy.swapaxes(0, 1)
        else:
            dh[-1] = dy
        inward, onward = self._return(dh)
        self._inward = np.ascontiguousarray(inward.swapaxes(0, 1))
        np.matmul(rows(self._x).T, rows(self._inward), out=self._kernel_gradient)
        np.matmul(rows(self._h[:-1]).T, rows(onward), out=self._recurrent_gradient)
        self._derive_bias(inward, onward)

    def backward_input(self, dy: Array) -> Array:
        del dy  # the way back through time has been gone
        return (rows(self._inward) @ self._kernel.T).reshape(self._x.shape)

    @abstractmethod
    def _go(self, driven: Array) -> None:
        """Fill h from what x drives, (steps, n, gates * units)."""

    def _return(self, dh: Array) -> tuple[Array, Array]:
        """Return `inward` and `onward`; dh is what each h is given from outside. May change dh."""
        raise NotImplementedError

    def _derive_bias(self, inward: Array, onward: Array) -> None:
        """Write the derivatives of the biases: the first is added to x's product, one more to h's.

        A layer of one bias has only the first.
        """
        for bias, derivative in zip(self._bias_gradient, (inward, onward), strict=False):
            np.sum(rows(derivative), axis=0, out=bias)
