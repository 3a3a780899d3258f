"""Softmax and cross-entropy, from the logits, so that nothing overflows and nothing is clipped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchbench_numpy.layers import Array

Labels = npt.NDArray[np.int64]


def softmax(logits: Array) -> Array:
    """Return the probabilities exp(z_k) / sum_j exp(z_j) of each row of (n, classes)."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def cross_entropies(logits: Array, labels: Labels) -> Array:
    """Return -log(softmax(z)[label]) of each sample, (n,): log sum_j exp(z_j) - z_label.

    The largest logit is taken out of the sum first (log-sum-exp), so no exponential overflows.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]


def logits_gradient(logits: Array, labels: Labels) -> Array:
    """Return the derivative of the batch's mean cross-entropy, (n, classes).

    Softmax and logarithm cancel: it is (softmax(z) - onehot(label)) / n.
    """
    gradient = softmax(logits)
    gradient[np.arange(len(labels)), labels] -= 1
    gradient /= len(labels)
    return gradient
