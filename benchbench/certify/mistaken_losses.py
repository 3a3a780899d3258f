"""Usual mistakes of a loss and of its derivative, each with what the reference makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import ONE_STEP, Exercise, relative_difference
from benchbench.certify.rows import Arrays, Row
from benchbench.data.dataset import Split
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

if TYPE_CHECKING:
    from benchbench.certify.reference import Reference

# A mistake is told where it leaves this share of the difference, or less.
_LEFT = 0.02
# The output's bias gets a gradient of rounding alone, and Adam makes so little of it.
_HARDLY = 0.05

_BROADCAST = (
    "outputs (n, 1) meet targets (n,): they broadcast to n x n, and every output is compared with "
    "every target; keep targets as (n, 1)"
)
_UNSMOOTHED = "the labels are not smoothed, as the protocol has them"


def mistaken_losses(
    reference: Reference, exercise: Exercise, weights: Arrays, split: Split, loss: float
) -> Iterator[tuple[str, float]]:
    """Yield, in words, the usual mistakes of a loss, with what each makes of this one, `loss`."""
    outputs = exercise.task.output_shape[-1]
    match exercise.task.loss:
        case CrossEntropy(smoothing) if smoothing:
            plain = reference.with_loss(CrossEntropy()).evaluate(weights, split).loss
            half = reference.with_loss(CrossEntropy(0.5)).evaluate(weights, split).loss
            # Linear in the smoothing: of 1 it would be the loss to classes all alike.
            alike = 2 * half - plain
            yield _UNSMOOTHED, plain
            others = (outputs * alike - plain) / (outputs - 1)
            yield (
                f"label smoothing gives a/(K-1) to each of the other classes, not a/K to all "
                f"{outputs}",
                (1 - smoothing) * plain + smoothing * others,
            )
        case BinaryCrossEntropy():
            yield "the loss is summed over the outputs, not averaged", outputs * loss
            probabilities = reference.predict(weights, split.inputs)
            yield (
                "the loss takes probabilities for logits (a second sigmoid)",
                _binary(probabilities, split.targets),
            )
        case MeanSquaredError():
            yield "half the squared error is taken, as optax.l2_loss does", loss / 2
            yield "the loss is summed over the outputs, not averaged", outputs * loss
            errors = reference.predict(weights, split.inputs) - split.targets
            yield "the absolute error is taken for the squared", float(np.abs(errors).mean())
            yield "Huber's loss (delta 1) is taken for the squared error", _huber(errors)
            if outputs == 1:
                yield _BROADCAST, loss + 2 * _covariance(errors, split.targets)


def mistaken_update(
    reference: Reference,
    exercise: Exercise,
    given: Arrays,
    expected: Row,
    observed: Row,
    *,
    draw: int,
) -> str | None:
    """Return, in words, the mistake of the loss's derivative that makes this first update."""
    most = _LEFT * relative_difference(observed, expected)
    training = exercise.training(ONE_STEP, draw)
    match exercise.task.loss:
        case CrossEntropy(smoothing):
            if smoothing:
                update = reference.with_loss(CrossEntropy()).step(given, training)
                if relative_difference(observed, update) < most:
                    return f"in training {_UNSMOOTHED}; in evaluation they are"
            if _is_softmax_over_batch(exercise, expected, observed):
                return (
                    "the gradient of each class's logit sums to 0 over the batch: the softmax of "
                    "the training loss runs over the samples (axis 0), not over the classes"
                )
        case MeanSquaredError() if exercise.task.output_shape == (1,):
            alike = np.full_like(training.targets, training.targets.mean())
            update = reference.step(given, Split(training.inputs, alike))
            if relative_difference(observed, update) < most:
                return f"in training {_BROADCAST}"
    return None


def _is_softmax_over_batch(exercise: Exercise, expected: Row, observed: Row) -> bool:
    """Say whether of all arrays the output layer's bias alone hardly moves, but does."""
    if exercise.output_bias is None:
        return False
    ends = np.cumsum([variable.count for variable in exercise.model.variables])[:-1]
    pairs = list(zip(np.split(expected, ends), np.split(observed, ends), strict=True))
    shares = [
        float(np.linalg.norm(theirs)) / max(float(np.linalg.norm(ours)), 1e-30)
        for ours, theirs in pairs
    ]
    bias = shares.pop(exercise.output_bias)
    return 0 < bias < _HARDLY and min(shares, default=1.0) > _HARDLY


def _binary(logits: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
    z = logits.astype(np.float64)
    return float((np.maximum(z, 0) - z * targets + np.log1p(np.exp(-np.abs(z)))).mean())


def _huber(errors: npt.NDArray[Any]) -> float:
    size = np.abs(errors.astype(np.float64))
    return float(np.where(size <= 1, size**2 / 2, size - 0.5).mean())


def _covariance(errors: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
    """Return the covariance of predictions z = errors + targets with their targets.

    mean over i, j of (z_i - y_j)^2 is mean over i of (z_i - y_i)^2, plus twice that.
    """
    values, answers = errors[:, 0].astype(np.float64), targets[:, 0].astype(np.float64)
    predicted = values + answers
    return float((predicted * answers).mean() - predicted.mean() * answers.mean())
