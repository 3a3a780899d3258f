"""Attention: each place takes up a weighed mean of all places."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchbench_numpy.layers.dense import rows
from benchbench_numpy.layers.layer import Array, Layer
from benchbench_numpy.layers.probabilities import softmax

# Which place, of those that look, does not see which.
Hidden: TypeAlias = npt.NDArray[np.bool_]


class Attention(Layer):
    """y = concat over heads of (softmax(q k' / sqrt(size)) v) @ output_kernel + output_bias.

    | array                              | shape                         |
    |------------------------------------|-------------------------------|
    | x, dx, y, dy                       | (n, steps, features)          |
    | kernels of query, key, value       | (features, heads * size)      |
    | kernel of the output               | (heads * size, features)      |
    | each of the four biases            | (features,)                   |
    | q, k, v, mixed                     | (n, heads, steps, size)       |
    | likeness, shares (to place, of it) | (n, heads, steps, steps)      |

    features = heads * size. Where `causal`, the likeness of a place with a later one is minus
    infinity. With s = shares and ds its derivative, that of the likeness is s (ds - sum(s ds)).
    """

    learns = True
    # Over which axis of the likeness shares sum to 1, and what takes the place of a hidden one.
    axis = -1
    least = -math.inf

    def __init__(self, weights: Array, gradient: Array, *, heads: int, causal: bool) -> None:
        """Take `weights` and their `gradient`, (4 (features + 1), features).

        That is kernel, then bias, of query, key, value and output one after another.
        """
        self._weights, self._gradient = _four(weights), _four(gradient)
        self._heads = heads
        self._root = math.sqrt(weights.shape[1] // heads)
        self._causal = causal

    def forward(self, x: Array) -> Array:
        self._x = x
        query, key, value, output = self._weights
        self._q, self._k, self._v = (self._split(_affine(x, part)) for part in (query, key, value))
        self._shares = self.share(self._likeness(self._q, self._k))
        self._mixed = self._join(self._shares @ self._v)
        return _affine(self._mixed, output)

    def _likeness(self, q: Array, k: Array) -> Array:
        likeness = self._scaled(q @ k.swapaxes(-1, -2))
        if self._causal:
            likeness[..., self.hidden(likeness.shape[-1])] = self.least
        return likeness

    def hidden(self, steps: int) -> Hidden:
        """Return where a place (row) does not see another (column)."""
        return np.triu(np.ones((steps, steps), np.bool_), 1)

    def share(self, likeness: Array) -> Array:
        """Return what each place takes of each."""
        return softmax(likeness)

    def _scaled(self, products: Array) -> Array:
        """Divide by the root of a head's size, in place."""
        products /= products.dtype.type(self._root)
        return products

    def backward_parameters(self, dy: Array) -> None:
        query, key, value, output = self._gradient
        self._derive(output, self._mixed, dy)
        d_mixed = self._split(rows(dy) @ self._weights[3][0].T, dy.shape)
        d_shares = d_mixed @ self._v.swapaxes(-1, -2)
        d_shares -= (d_shares * self._shares).sum(axis=self.axis, keepdims=True)
        d_likeness = self._scaled(self._shares * d_shares)
        self._d_inward = [
            self._join(one)
            for one in (
                d_likeness @ self._k,
                d_likeness.swapaxes(-1, -2) @ self._q,
                self._shares.swapaxes(-1, -2) @ d_mixed,
            )
        ]
        for part, derivative in zip((query, key, value), self._d_inward, strict=True):
            self._derive(part, self._x, derivative)

    def backward_input(self, dy: Array) -> Array:
        parts = zip(self._weights[:3], self._d_inward, strict=True)
        dx = sum(rows(derivative) @ kernel.T for (kernel, _), derivative in parts)
        return np.reshape(dx, dy.shape)

    @staticmethod
    def _derive(part: tuple[Array, Array], x: Array, dy: Array) -> None:
        """Write the derivatives of a kernel and a bias."""
        kernel, bias = part
        np.matmul(rows(x).T, rows(dy), out=kernel)
        np.sum(rows(dy), axis=0, out=bias)

    def _split(self, joined: Array, shape: tuple[int, ...] | None = None) -> Array:
        """Lay (n, steps, features) out as (n, heads, steps, size)."""
        n, steps, features = shape or joined.shape
        size = features // self._heads
        return joined.reshape(n, steps, self._heads, size).transpose(0, 2, 1, 3)

    def _join(self, split: Array) -> Array:
        """Lay (n, heads, steps, size) out as (n, steps, features)."""
        n, heads, steps, size = split.shape
        return split.transpose(0, 2, 1, 3).reshape(n, steps, heads * size)


def _four(weights: Array) -> list[tuple[Array, Array]]:
    """View kernel and bias of query, key, value and output."""
    return [(part[:-1], part[-1]) for part in np.split(weights, 4)]


def _affine(x: Array, part: tuple[Array, Array]) -> Array:
    kernel, bias = part
    return (rows(x) @ kernel + bias).reshape(x.shape)
