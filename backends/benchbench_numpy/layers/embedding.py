"""Embeddings: a row for each token, and a row for each place."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.dense import rows
from benchbench_numpy.layers.layer import Array, Layer


class Embedding(Layer):
    """y[t] = embeddings[x[t]], for each token of a sequence.

    | array      | shape                                                 |
    |------------|-------------------------------------------------------|
    | x          | (n, steps), whole numbers from 0 to vocabulary - 1    |
    | embeddings | (vocabulary, features)                                |
    | y, dy      | (n, steps, features)                                  |

    The derivative of a row is the sum over all places at which its token stands: 0 where there is
    none. Tokens have no derivative.
    """

    learns = True

    def __init__(self, embeddings: Array, gradient: Array) -> None:
        self._embeddings, self._gradient = embeddings, gradient

    def forward(self, x: Array) -> Array:
        self._tokens = np.asarray(x, np.intp)
        return self._embeddings[self._tokens]

    def backward_parameters(self, dy: Array) -> None:
        tokens = self._tokens.ravel()
        order = np.argsort(tokens, kind="stable")
        known, starts = np.unique(tokens[order], return_index=True)
        self._gradient[...] = 0
        self._gradient[known] = np.add.reduceat(rows(dy)[order], starts, axis=0)

    def backward_input(self, dy: Array) -> Array:
        raise TypeError("tokens have no derivative: an Embedding is the first layer")


class PositionEmbedding(Layer):
    """y = x + embeddings, at each place a row of its own.

    | array        | shape                |
    |--------------|----------------------|
    | x, dx, y, dy | (n, steps, features) |
    | embeddings   | (steps, features)    |
    """

    learns = True

    def __init__(self, embeddings: Array, gradient: Array) -> None:
        self._embeddings, self._gradient = embeddings, gradient

    def forward(self, x: Array) -> Array:
        return x + self._embeddings

    def backward_parameters(self, dy: Array) -> None:
        np.sum(dy, axis=0, out=self._gradient)

    def backward_input(self, dy: Array) -> Array:
        return dy
