"""Faults of smoothed labels, and of a softmax over the wrong axis."""

from __future__ import annotations

import numpy as np
from benchbench_numpy.loss import cross_entropies, cross_entropy_gradient, softmax

from benchbench import CrossEntropy
from faulty.fault import Fault
from faulty.objective import ONE_STEP, SMOOTHED, objective, of


def _as_uniform(logits, smoothing):
    """Return the smoothing over all classes that gives the others a/(K-1) each."""
    classes = logits.shape[1]
    return smoothing * classes / (classes - 1)


def over_the_others(logits, labels, smoothing):
    return cross_entropies(logits, labels, _as_uniform(logits, smoothing))


def gradient_over_the_others(logits, labels, smoothing):
    return cross_entropy_gradient(logits, labels, _as_uniform(logits, smoothing))


def unsmoothed(logits, labels, _smoothing):
    return cross_entropies(logits, labels)


def unsmoothed_gradient(logits, labels, _smoothing):
    return cross_entropy_gradient(logits, labels)


def softmax_over_the_batch(logits, labels):
    """Return the derivative of -log softmax over the samples, of the label's class."""
    probabilities = softmax(logits.T).T
    onehot = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    return (probabilities * onehot.sum(axis=0) - onehot) / len(labels)


FAULTS = (
    Fault(
        "smoothing over the other classes",
        "a/(K-1) for each of the others, in place of a/K for all",
        "loss",
        parts=objective(
            cross_entropies=over_the_others, cross_entropy_gradient=gradient_over_the_others
        ),
        applies=of(CrossEntropy),
        protocol=SMOOTHED,
    ),
    Fault(
        "smoothing in training only",
        "the evaluation takes the labels as they are",
        "loss",
        parts=objective(cross_entropies=unsmoothed),
        applies=of(CrossEntropy),
        protocol=SMOOTHED,
    ),
    Fault(
        "smoothing in evaluation only",
        "the training takes the labels as they are",
        ONE_STEP,
        parts=objective(cross_entropy_gradient=unsmoothed_gradient),
        applies=of(CrossEntropy),
        protocol=SMOOTHED,
    ),
    Fault(
        "softmax over the batch",
        "the training loss normalises over axis 0",
        ONE_STEP,
        parts=objective(cross_entropy_gradient=softmax_over_the_batch),
        applies=of(CrossEntropy),
    ),
)
