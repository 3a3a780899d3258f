"""Faults of losses and metrics beyond plain cross-entropy, each with the task in which it exists.

Source of most: the ways in which frameworks' losses differ (sums for means, halves, smoothing).
"""

from __future__ import annotations

import numpy as np
from benchbench_numpy.loss import (
    binary_cross_entropies,
    binary_cross_entropy_gradient,
    cross_entropies,
    cross_entropy_gradient,
    right_sides,
    sigmoid,
    softmax,
    squared_error_gradient,
    squared_errors,
)

from benchbench import (
    BinaryCrossEntropy,
    CrossEntropy,
    Dense,
    MeanSquaredError,
    ModelSpec,
    Score,
    TrainingProtocol,
)
from benchbench.certify.exercise import SATURATED
from faulty.fault import Fault, FaultyTrainer

SMOOTHED = TrainingProtocol(loss=CrossEntropy(label_smoothing=0.1))
ROWS = ModelSpec("rows", (11,), (Dense(7, "relu"), Dense(4, "softmax")))
YES_OR_NO = ModelSpec("yes-or-no", (11,), (Dense(7, "relu"), Dense(3, "sigmoid")))
VALUES = ModelSpec("values", (11,), (Dense(7, "relu"), Dense(2)))
ONE_VALUE = ModelSpec("one-value", (11,), (Dense(7, "relu"), Dense(1)))
TASK_MODELS = (ROWS, YES_OR_NO, VALUES, ONE_VALUE)

ONE_STEP = "update after 1 step"


def _smoothed(logits, labels, true, other):
    """Return the losses for targets of `true` at the label's class and `other` elsewhere."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(log_probabilities @ _targets(logits, labels, true, other).T).diagonal()


def _targets(logits, labels, true, other):
    targets = np.full(logits.shape, other, logits.dtype)
    targets[np.arange(len(labels)), labels] = true
    return targets


def over_the_others(logits, labels, smoothing):
    return _smoothed(logits, labels, 1 - smoothing, smoothing / (logits.shape[1] - 1))


def gradient_over_the_others(logits, labels, smoothing):
    targets = _targets(logits, labels, 1 - smoothing, smoothing / (logits.shape[1] - 1))
    return (softmax(logits) - targets) / len(labels)


def unsmoothed(logits, labels, _smoothing):
    return cross_entropies(logits, labels)


def unsmoothed_gradient(logits, labels, _smoothing):
    return cross_entropy_gradient(logits, labels)


def softmax_over_the_batch(logits, labels):
    """Return the derivative of -log softmax over the samples, of the label's class."""
    probabilities = softmax(logits.T).T
    onehot = _targets(logits, labels, 1, 0)
    return (probabilities * onehot.sum(axis=0) - onehot) / len(labels)


def times(function, factor):
    """Return the function times `factor(outputs)`, the outputs of a sample counted."""

    def multiplied(logits, targets):
        return function(logits, targets) * logits.dtype.type(factor(logits.shape[1]))

    return multiplied


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


def absolute(values, targets):
    return np.abs(values - targets).mean(axis=1)


def absolute_gradient(values, targets):
    return np.sign(values - targets) / values.size


def huber(values, targets):
    size = np.abs(values - targets)
    return np.where(size <= 1, size**2 / 2, size - 0.5).mean(axis=1)


def huber_gradient(values, targets):
    return np.clip(values - targets, -1, 1) / values.size


def broadcast(values, targets):
    """Compare (n, 1) with (n,): the loss of each output against all targets."""
    return np.square(values - targets[:, 0]).mean(axis=1)


def broadcast_gradient(values, targets):
    return 2 * (values - targets.mean(dtype=values.dtype)) / values.size


def all_right(logits, targets):
    """Count a sample as right where all of its outputs are."""
    return (right_sides(logits, targets) == 1).astype(np.float64)


def exactly_equal(logits, targets):
    """Count an output where it is the target once rounded, as Keras's BinaryAccuracy does."""
    return ((logits > 0) == targets).mean(axis=1)


def root_of_squares(values, targets):
    return np.sqrt(squared_errors(values, targets))


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


class BatchMeans(FaultyTrainer):
    """Averages the means of batches: the short one counts as a whole one."""

    def evaluate(self, split):
        parts = [
            super(BatchMeans, self).evaluate(type(split)(split.inputs[b], split.targets[b]))
            for b in self._batches(len(split))
        ]
        return Score(
            float(np.mean([part.loss for part in parts])),
            float(np.mean([part.metric for part in parts])),
        )


def _parts(**functions):
    return {f"objective.{name}": function for name, function in functions.items()}


def _in(loss, *, outputs=None):
    """Say whether a model has this loss, and so many outputs."""

    def applies(model):
        return model.output_activation == loss.activation and outputs in {None, model.classes}

    return applies


SMOOTHED_FAULTS = (
    Fault(
        "smoothing over the other classes",
        "a/(K-1) for each of the others, in place of a/K for all",
        "loss",
        parts=_parts(
            cross_entropies=over_the_others, cross_entropy_gradient=gradient_over_the_others
        ),
        applies=_in(CrossEntropy),
        protocol=SMOOTHED,
    ),
    Fault(
        "smoothing in training only",
        "the evaluation takes the labels as they are",
        "loss",
        parts=_parts(cross_entropies=unsmoothed),
        applies=_in(CrossEntropy),
        protocol=SMOOTHED,
    ),
    Fault(
        "smoothing in evaluation only",
        "the training takes the labels as they are",
        ONE_STEP,
        parts=_parts(cross_entropy_gradient=unsmoothed_gradient),
        applies=_in(CrossEntropy),
        protocol=SMOOTHED,
    ),
)
CLASS_FAULTS = (
    Fault(
        "softmax over the batch",
        "the training loss normalises over axis 0",
        ONE_STEP,
        parts=_parts(cross_entropy_gradient=softmax_over_the_batch),
        applies=_in(CrossEntropy),
    ),
)
YES_OR_NO_FAULTS = (
    Fault(
        "binary loss summed over outputs",
        "a sum over the outputs for the mean",
        "loss",
        parts=_parts(
            binary_cross_entropies=times(binary_cross_entropies, lambda k: k),
            binary_cross_entropy_gradient=times(binary_cross_entropy_gradient, lambda k: k),
        ),
        applies=_in(BinaryCrossEntropy),
    ),
    Fault(
        "double sigmoid",
        "the loss takes the sigmoid of probabilities",
        "loss",
        parts=_parts(
            binary_cross_entropies=of_probabilities,
            binary_cross_entropy_gradient=gradient_of_probabilities,
        ),
        applies=_in(BinaryCrossEntropy),
    ),
    Fault(
        "clamped binary probabilities",
        "probabilities are clamped to [1e-7, 1 - 1e-7]",
        "loss",
        parts=_parts(
            binary_cross_entropies=clamped, binary_cross_entropy_gradient=clamped_gradient
        ),
        starts=(SATURATED,),
        applies=_in(BinaryCrossEntropy),
    ),
    Fault(
        "hard targets",
        "targets between 0 and 1 are rounded in training",
        ONE_STEP,
        parts=_parts(binary_cross_entropy_gradient=hard_targets(binary_cross_entropy_gradient)),
        applies=_in(BinaryCrossEntropy),
    ),
    Fault(
        "exact match",
        "a sample is right where all of its outputs are",
        "loss",
        parts=_parts(right_sides=all_right),
        applies=_in(BinaryCrossEntropy),
    ),
    Fault(
        "equal targets",
        "an output is right where its rounding is the target",
        "loss",
        parts=_parts(right_sides=exactly_equal),
        applies=_in(BinaryCrossEntropy),
    ),
    Fault(
        "softmax for sigmoid",
        "`predict` gives a distribution",
        "forward",
        SoftmaxForSigmoid,
        applies=_in(BinaryCrossEntropy),
    ),
    Fault(
        "sigmoid missing",
        "`predict` gives logits",
        "forward",
        LogitsPredicted,
        applies=_in(BinaryCrossEntropy),
    ),
)
VALUE_FAULTS = (
    Fault(
        "half the squared error",
        "optax's l2_loss, or a 1/2 of a textbook",
        "loss",
        parts=_parts(
            squared_errors=times(squared_errors, lambda _: 0.5),
            squared_error_gradient=times(squared_error_gradient, lambda _: 0.5),
        ),
        applies=_in(MeanSquaredError),
    ),
    Fault(
        "squared error summed over outputs",
        "a sum over the outputs for the mean",
        "loss",
        parts=_parts(
            squared_errors=times(squared_errors, lambda k: k),
            squared_error_gradient=times(squared_error_gradient, lambda k: k),
        ),
        applies=_in(MeanSquaredError, outputs=2),
    ),
    Fault(
        "half the squared error in training",
        "the same, in the gradient alone",
        ONE_STEP,
        parts=_parts(squared_error_gradient=times(squared_error_gradient, lambda _: 0.5)),
        applies=_in(MeanSquaredError),
    ),
    Fault(
        "absolute error",
        "the absolute error is minimised and reported",
        "loss",
        parts=_parts(squared_errors=absolute, squared_error_gradient=absolute_gradient),
        applies=_in(MeanSquaredError),
    ),
    Fault(
        "Huber's loss",
        "large errors count as their size",
        "loss",
        parts=_parts(squared_errors=huber, squared_error_gradient=huber_gradient),
        applies=_in(MeanSquaredError),
    ),
    Fault(
        "clipped errors in training",
        "errors above 1 are clipped, in the gradient alone",
        ONE_STEP,
        parts=_parts(
            squared_error_gradient=lambda values, targets: 2 * huber_gradient(values, targets)
        ),
        starts=(SATURATED,),
        applies=_in(MeanSquaredError),
    ),
    Fault(
        "targets broadcast",
        "(n, 1) against (n,): every output meets every target",
        "loss",
        parts=_parts(squared_errors=broadcast, squared_error_gradient=broadcast_gradient),
        applies=_in(MeanSquaredError, outputs=1),
    ),
    Fault(
        "targets broadcast in training",
        "the same, in the gradient alone",
        ONE_STEP,
        parts=_parts(squared_error_gradient=broadcast_gradient),
        applies=_in(MeanSquaredError, outputs=1),
    ),
    Fault(
        "root of the squared error",
        "the metric is another than the mean absolute error",
        "loss",
        parts=_parts(absolute_errors=root_of_squares),
        applies=_in(MeanSquaredError, outputs=2),
    ),
    Fault(
        "batch means of values averaged",
        "the short batch counts as a whole one",
        "evaluation",
        BatchMeans,
        applies=_in(MeanSquaredError),
    ),
)
TASK_FAULTS = (*SMOOTHED_FAULTS, *CLASS_FAULTS, *YES_OR_NO_FAULTS, *VALUE_FAULTS)
