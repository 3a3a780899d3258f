"""Every loss, its derivative and what goes with it, from the logits: nothing overflows or clips.

Logits are (n, *outputs), of a cross-entropy (n, classes) or (n, steps, classes). The losses are one
a sample, (n,); a derivative is that of their mean over the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench_numpy.layers import Array, sigmoid, softmax

Labels = npt.NDArray[np.int64]
Targets = npt.NDArray[Any]


def cross_entropies(logits: Array, labels: Labels, smoothing: float = 0.0) -> Array:
    """Return -sum_k target_k log(softmax(z)_k): log sum_j exp(z_j) - sum_k target_k z_k.

    The target is the label's class, of which `smoothing` is spread over all classes. The largest
    logit is taken out of the sum first (log-sum-exp), so no exponential overflows.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    expected = np.take_along_axis(shifted, labels[..., np.newaxis], -1)[..., 0]
    if smoothing:
        expected = (1 - smoothing) * expected + smoothing * shifted.mean(axis=-1)
    return _of_samples(np.log(np.exp(shifted).sum(axis=-1)) - expected)


def cross_entropy_gradient(logits: Array, labels: Labels, smoothing: float = 0.0) -> Array:
    """Return the derivative. Softmax and logarithm cancel: it is (softmax(z) - target) / n."""
    gradient = softmax(logits)
    places = labels[..., np.newaxis]
    true = np.take_along_axis(gradient, places, -1)
    np.put_along_axis(gradient, places, true - (1 - smoothing), -1)
    if smoothing:
        gradient -= smoothing / logits.shape[-1]
    gradient /= labels.size
    return gradient


def binary_cross_entropies(logits: Array, targets: Targets) -> Array:
    """Return max(z, 0) - z y + log(1 + exp(-|z|)), the mean over the outputs."""
    rounded_off = np.log1p(np.exp(-np.abs(logits)))
    return _of_samples(np.maximum(logits, 0) - logits * targets + rounded_off)


def binary_cross_entropy_gradient(logits: Array, targets: Targets) -> Array:
    """Return the derivative, (sigmoid(z) - y) / (n outputs)."""
    return (sigmoid(logits) - targets) / logits.size


def squared_errors(values: Array, targets: Targets) -> Array:
    """Return (z - y)^2, the mean over the outputs."""
    return _of_samples(np.square(values - targets))


def squared_error_gradient(values: Array, targets: Targets) -> Array:
    """Return the derivative, 2 (z - y) / (n outputs)."""
    return 2 * (values - targets) / values.size


def right_classes(logits: Array, labels: Labels) -> Array:
    """Return the share of right classes of each sample."""
    return _of_samples((logits.argmax(axis=-1) == labels).astype(np.float64))


def right_sides(logits: Array, targets: Targets) -> Array:
    """Return the share of outputs of each sample that lie on the target's side of a half."""
    return _of_samples(((logits > 0) == (targets > 0.5)).astype(np.float64))


def absolute_errors(values: Array, targets: Targets) -> Array:
    """Return |z - y|, the mean over the outputs."""
    return _of_samples(np.abs(values - targets))


def _of_samples(values: Array) -> Array:
    """Return one value a sample, (n,): the mean over what else there is."""
    return values if values.ndim == 1 else values.reshape(len(values), -1).mean(axis=1)
