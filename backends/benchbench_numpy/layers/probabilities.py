"""Softmax and sigmoid: of logits in the loss, and of gates and likenesses in the layers."""

from __future__ import annotations

import numpy as np

from benchbench_numpy.layers.layer import Array


def softmax(logits: Array) -> Array:
    """Return the probabilities exp(z_k) / sum_j exp(z_j), over the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    exponentials /= exponentials.sum(axis=-1, keepdims=True)
    return exponentials


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-z)); of |z| only, so that no exponential overflows."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)
