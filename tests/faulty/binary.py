"""Faults of binary cross-entropy and its metric.

Source of most: the ways in which frameworks' losses differ (sums for means, clamping, a sigmoid).
"""

from __future__ import annotations

import numpy as np
from benchbench_numpy.loss import (
    binary_cross_entropies,
    binary_cross_entropy_gradient,
    right_sides,
    sigmoid,
    softmax,
)

from benchbench import BinaryCrossEntropy
from benchbench.certify.exercise import SATURATED
from faulty.fault import Fault, FaultyTrainer
from faulty.objective import ONE_STEP, objective, of, times


def of_probabilities(logits, targets):
    return binary_cross_entropies(sigmoid(logits), targets)


def gradient_of_probabilities(logits, targets):
    p = sigmoid(logits)
    return binary_cross_entropy_gradient(p, targets) * p * (1 - p)


def clamped(logits, targets):
    p = np.clip(sigmoid(logits.astype(np.float64)), 1e-7, 1 - 1e-7)
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean(axis=1)


def clamped_gradient(logits, targets):
    p = sigmoid(logits)
    inside = (p > 1e-7) & (p < 1 - 1e-7)
    return binary_cross_entropy_gradient(logits, targets) * inside


def hard_targets(function):
    return lambda logits, targets: function(logits, (targets > 0.5).astype(np.float32))


def all_right(logits, targets):
    """Count a sample as right where all of its outputs are."""
    return (right_sides(logits, targets) == 1).astype(np.float64)


def exactly_equal(logits, targets):
    """Count an output where it is the target once rounded, as Keras's BinaryAccuracy does."""
    return ((logits > 0) == targets).mean(axis=1)


def _logits(probabilities):
    p = np.clip(probabilities.astype(np.float64), 1e-9, 1 - 1e-9)
    return np.log(p / (1 - p))


class SoftmaxForSigmoid(FaultyTrainer):
    """Predicts a distribution over the outputs."""

    def predict(self, inputs):
        return softmax(_logits(super().predict(inputs))).astype(np.float32)


class LogitsPredicted(FaultyTrainer):
    """Predicts without the sigmoid."""

    def predict(self, inputs):
        return _logits(super().predict(inputs)).astype(np.float32)


FAULTS = (
    Fault(
        "binary loss summed over outputs",
        "a sum over the outputs for the mean",
        "loss",
        parts=objective(
            binary_cross_entropies=times(binary_cross_entropies, lambda k: k),
            binary_cross_entropy_gradient=times(binary_cross_entropy_gradient, lambda k: k),
        ),
        applies=of(BinaryCrossEntropy),
    ),
    Fault(
        "double sigmoid",
        "the loss takes the sigmoid of probabilities",
        "loss",
        parts=objective(
            binary_cross_entropies=of_probabilities,
            binary_cross_entropy_gradient=gradient_of_probabilities,
        ),
        applies=of(BinaryCrossEntropy),
    ),
    Fault(
        "clamped binary probabilities",
        "probabilities are clamped to [1e-7, 1 - 1e-7]",
        "loss",
        parts=objective(
            binary_cross_entropies=clamped, binary_cross_entropy_gradient=clamped_gradient
        ),
        starts=(SATURATED,),
        applies=of(BinaryCrossEntropy),
    ),
    Fault(
        "hard targets",
        "targets between 0 and 1 are rounded in training",
        ONE_STEP,
        parts=objective(binary_cross_entropy_gradient=hard_targets(binary_cross_entropy_gradient)),
        applies=of(BinaryCrossEntropy),
    ),
    Fault(
        "exact match",
        "a sample is right where all of its outputs are",
        "loss",
        parts=objective(right_sides=all_right),
        applies=of(BinaryCrossEntropy),
    ),
    Fault(
        "equal targets",
        "an output is right where its rounding is the target",
        "loss",
        parts=objective(right_sides=exactly_equal),
        applies=of(BinaryCrossEntropy),
    ),
    Fault(
        "softmax for sigmoid",
        "`predict` gives a distribution",
        "forward",
        SoftmaxForSigmoid,
        applies=of(BinaryCrossEntropy),
    ),
    Fault(
        "sigmoid missing",
        "`predict` gives logits",
        "forward",
        LogitsPredicted,
        applies=of(BinaryCrossEntropy),
    ),
)
