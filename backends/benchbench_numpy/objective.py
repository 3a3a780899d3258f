"""What is minimised, what is predicted and what is counted under each loss of the spec."""

from __future__ import annotations

from typing import Protocol

import benchbench
from benchbench_numpy.layers import Array, sigmoid, softmax
from benchbench_numpy.loss import (
    Targets,
    absolute_errors,
    binary_cross_entropies,
    binary_cross_entropy_gradient,
    cross_entropies,
    cross_entropy_gradient,
    right_classes,
    right_sides,
    squared_error_gradient,
    squared_errors,
)


class Objective(Protocol):
    """A loss at work on logits (n, *outputs) and targets, both of one batch."""

    def losses(self, logits: Array, targets: Targets) -> Array:
        """Return the loss of each sample, (n,)."""

    def gradient(self, logits: Array, targets: Targets) -> Array:
        """Return the derivative of the batch's mean loss, shaped as the logits."""

    def metrics(self, logits: Array, targets: Targets) -> Array:
        """Return the metric of each sample, (n,)."""

    def outputs(self, logits: Array) -> Array:
        """Return what is predicted: probabilities or values."""


class Classification:
    """Cross-entropy over classes, with label smoothing; the metric is the accuracy."""

    def __init__(self, smoothing: float) -> None:
        # Without smoothing there is none to speak of.
        self._smoothing = (smoothing,) if smoothing else ()

    def losses(self, logits: Array, targets: Targets) -> Array:
        return cross_entropies(logits, targets, *self._smoothing)

    def gradient(self, logits: Array, targets: Targets) -> Array:
        return cross_entropy_gradient(logits, targets, *self._smoothing)

    def metrics(self, logits: Array, targets: Targets) -> Array:
        return right_classes(logits, targets)

    def outputs(self, logits: Array) -> Array:
        return softmax(logits)


class YesOrNo:
    """Binary cross-entropy; the metric is the share of outputs on the right side of a half."""

    def losses(self, logits: Array, targets: Targets) -> Array:
        return binary_cross_entropies(logits, targets)

    def gradient(self, logits: Array, targets: Targets) -> Array:
        return binary_cross_entropy_gradient(logits, targets)

    def metrics(self, logits: Array, targets: Targets) -> Array:
        return right_sides(logits, targets)

    def outputs(self, logits: Array) -> Array:
        return sigmoid(logits)


class Regression:
    """Mean squared error; the metric is the mean absolute error."""

    def losses(self, logits: Array, targets: Targets) -> Array:
        return squared_errors(logits, targets)

    def gradient(self, logits: Array, targets: Targets) -> Array:
        return squared_error_gradient(logits, targets)

    def metrics(self, logits: Array, targets: Targets) -> Array:
        return absolute_errors(logits, targets)

    def outputs(self, logits: Array) -> Array:
        return logits


def objective_of(loss: benchbench.Loss) -> Objective:
    """Return the loss of the spec at work. Raises Unsupported."""
    match loss:
        case benchbench.CrossEntropy(smoothing):
            return Classification(smoothing)
        case benchbench.BinaryCrossEntropy():
            return YesOrNo()
        case benchbench.MeanSquaredError():
            return Regression()
    raise benchbench.Unsupported(f"the NumPy backend has no loss {type(loss).__name__}")
