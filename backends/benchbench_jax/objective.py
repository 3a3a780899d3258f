"""What is minimised, counted and predicted under each loss of the spec, from the logits.

Losses and metrics are one a sample, (n,): the mean over them is right whatever the batch.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

from benchbench import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError, Unsupported


def losses_of(loss: Loss, logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Return the loss of each sample, (n,). Raises Unsupported."""
    match loss:
        case CrossEntropy(label_smoothing=0.0):
            values = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        case CrossEntropy():
            smooth = optax.smooth_labels(
                jax.nn.one_hot(targets, logits.shape[-1]), loss.label_smoothing
            )
            values = optax.softmax_cross_entropy(logits, smooth)
        case BinaryCrossEntropy():
            values = optax.sigmoid_binary_cross_entropy(logits, targets)
        case MeanSquaredError():
            values = optax.squared_error(logits, targets)
        case _:
            raise Unsupported(f"jax has no loss {type(loss).__name__}")
    return _of_samples(values)


def metrics_of(loss: Loss, logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Return the metric of each sample, (n,)."""
    match loss:
        case CrossEntropy():
            return _of_samples((logits.argmax(-1) == targets).astype(float))
        case BinaryCrossEntropy():
            return _of_samples(((logits > 0) == (targets > 0.5)).astype(float))
    return _of_samples(jnp.abs(logits - targets))


def outputs_of(loss: Loss, logits: jax.Array) -> jax.Array:
    """Return what is predicted: probabilities or values."""
    match loss:
        case CrossEntropy():
            return jax.nn.softmax(logits)
        case BinaryCrossEntropy():
            return jax.nn.sigmoid(logits)
    return logits


def target_array(targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return targets as JAX has them: numbers of classes as int32, values as they are."""
    return targets.astype(np.int32) if targets.dtype.kind == "i" else targets


def _of_samples(values: jax.Array) -> jax.Array:
    """Return one value a sample, (n,): the mean over what else there is."""
    return values if values.ndim == 1 else values.reshape(len(values), -1).mean(1)
