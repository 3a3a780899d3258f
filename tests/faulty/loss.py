"""Faults of the softmax, the loss and its gradient."""

from __future__ import annotations

import numpy as np
from benchbench_numpy.loss import cross_entropies, cross_entropy_gradient, softmax

from benchbench import Score
from benchbench.certify.exercise import SATURATED, TRAINED
from faulty.fault import Fault, FaultyTrainer

_SMOOTHING = 0.01
_CLAMPED = 1e-7


def softmax_twice(logits):
    return softmax(softmax(logits))


def cross_entropies_of_softmax(logits, labels):
    """Take probabilities for logits, as torch's CrossEntropyLoss does behind a softmax."""
    return cross_entropies(softmax(logits), labels)


def gradient_of_softmax(logits, labels):
    probabilities = softmax(logits)
    return _through_softmax(probabilities, cross_entropy_gradient(probabilities, labels))


def smoothed_cross_entropies(logits, labels):
    """Take the cross-entropy to labels of which a hundredth is spread over all classes."""
    return cross_entropies(logits, labels, _SMOOTHING)


def smoothed_gradient(logits, labels):
    return cross_entropy_gradient(logits, labels, _SMOOTHING)


def clamped_cross_entropies(logits, labels):
    """Take the logarithm of probabilities clamped as Keras clamps them."""
    probabilities = softmax(logits)[np.arange(len(labels)), labels]
    return -np.log(np.clip(probabilities, _CLAMPED, 1 - _CLAMPED))


def clamped_gradient(logits, labels):
    """Pass no derivative where the probability was clamped."""
    probabilities = softmax(logits)[np.arange(len(labels)), labels]
    inside = (probabilities > _CLAMPED) & (probabilities < 1 - _CLAMPED)
    return cross_entropy_gradient(logits, labels) * inside[:, np.newaxis]


def cross_entropies_over_classes(logits, labels):
    """Average over classes as well as over samples."""
    return cross_entropies(logits, labels) / logits.shape[1]


def gradient_over_classes(logits, labels):
    return cross_entropy_gradient(logits, labels) / logits.shape[1]


def squared_error_gradient(logits, labels):
    """Descend the mean squared error of the probabilities."""
    probabilities = softmax(logits)
    error = probabilities.copy()
    error[np.arange(len(labels)), labels] -= 1
    return _through_softmax(probabilities, 2 * error / error.size)


def _through_softmax(probabilities, gradient):
    """Return the derivative of the logits from that of their softmax."""
    inner = (gradient * probabilities).sum(axis=1, keepdims=True)
    return probabilities * (gradient - inner)


class Logits(FaultyTrainer):
    """Predicts the logarithms of probabilities."""

    def predict(self, inputs):
        with np.errstate(divide="ignore"):
            return np.log(super().predict(inputs))


class OverHalf(FaultyTrainer):
    """Counts a prediction as right where its probability is over a half."""

    def evaluate(self, split):
        probabilities = self.predict(split.inputs)[np.arange(len(split)), split.targets]
        return Score(super().evaluate(split).loss, float((probabilities > 0.5).mean()))


FAULTS = (
    Fault(
        "double softmax",
        "the softmax is taken twice: of the logits, and of that",
        "forward",
        parts={
            "objective.softmax": softmax_twice,
            "objective.cross_entropies": cross_entropies_of_softmax,
            "objective.cross_entropy_gradient": gradient_of_softmax,
        },
    ),
    Fault(
        "double softmax in the loss",
        "the loss takes the softmax of probabilities",
        "loss",
        parts={
            "objective.cross_entropies": cross_entropies_of_softmax,
            "objective.cross_entropy_gradient": gradient_of_softmax,
        },
    ),
    Fault("logits predicted", "`predict` gives log-probabilities", "forward", Logits),
    Fault(
        "label smoothing 0.01",
        "a hundredth of each label is spread over all classes",
        "loss",
        parts={
            "objective.cross_entropies": smoothed_cross_entropies,
            "objective.cross_entropy_gradient": smoothed_gradient,
        },
        starts=(TRAINED,),
    ),
    Fault(
        "label smoothing in training",
        "the same, in the gradient alone",
        "update after 1 step",
        parts={"objective.cross_entropy_gradient": smoothed_gradient},
    ),
    Fault(
        "clamped probabilities",
        "probabilities are clamped to [1e-7, 1 - 1e-7], in the loss and its gradient",
        "loss",
        parts={
            "objective.cross_entropies": clamped_cross_entropies,
            "objective.cross_entropy_gradient": clamped_gradient,
        },
        starts=(SATURATED,),
    ),
    Fault(
        "clamped gradient",
        "the same, in the gradient alone",
        "update after 1 step",
        parts={"objective.cross_entropy_gradient": clamped_gradient},
        starts=(SATURATED,),
    ),
    Fault(
        "loss averaged over classes",
        "the loss is divided by the number of classes, too",
        "loss",
        parts={
            "objective.cross_entropies": cross_entropies_over_classes,
            "objective.cross_entropy_gradient": gradient_over_classes,
        },
    ),
    Fault(
        "squared error",
        "the squared error of the probabilities is minimised",
        "update after 1 step",
        parts={"objective.cross_entropy_gradient": squared_error_gradient},
    ),
    Fault("accuracy over a half", "right is what has a probability over 0.5", "loss", OverHalf),
)
