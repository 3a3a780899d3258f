"""Faults of the squared error and its metric.

Source of most: the ways in which frameworks' losses differ (sums for means, halves, broadcasting).
"""

from __future__ import annotations

import numpy as np
from benchbench_numpy.loss import squared_error_gradient, squared_errors

from benchbench import MeanSquaredError
from benchbench.certify.exercise import SATURATED
from faulty.answers import MeanOfBatchMeans
from faulty.fault import Fault
from faulty.objective import ONE_STEP, objective, of, times


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


def root_of_squares(values, targets):
    return np.sqrt(squared_errors(values, targets))


FAULTS = (
    Fault(
        "half the squared error",
        "optax's l2_loss, or a 1/2 of a textbook",
        "loss",
        parts=objective(
            squared_errors=times(squared_errors, lambda _: 0.5),
            squared_error_gradient=times(squared_error_gradient, lambda _: 0.5),
        ),
        applies=of(MeanSquaredError),
    ),
    Fault(
        "squared error summed over outputs",
        "a sum over the outputs for the mean",
        "loss",
        parts=objective(
            squared_errors=times(squared_errors, lambda k: k),
            squared_error_gradient=times(squared_error_gradient, lambda k: k),
        ),
        applies=of(MeanSquaredError, outputs=2),
    ),
    Fault(
        "half the squared error in training",
        "the same, in the gradient alone",
        ONE_STEP,
        parts=objective(squared_error_gradient=times(squared_error_gradient, lambda _: 0.5)),
        applies=of(MeanSquaredError),
    ),
    Fault(
        "absolute error",
        "the absolute error is minimised and reported",
        "loss",
        parts=objective(squared_errors=absolute, squared_error_gradient=absolute_gradient),
        applies=of(MeanSquaredError),
    ),
    Fault(
        "Huber's loss",
        "large errors count as their size",
        "loss",
        parts=objective(squared_errors=huber, squared_error_gradient=huber_gradient),
        applies=of(MeanSquaredError),
    ),
    Fault(
        "clipped errors in training",
        "errors above 1 are clipped, in the gradient alone",
        ONE_STEP,
        parts=objective(
            squared_error_gradient=lambda values, targets: 2 * huber_gradient(values, targets)
        ),
        starts=(SATURATED,),
        applies=of(MeanSquaredError),
    ),
    Fault(
        "targets broadcast",
        "(n, 1) against (n,): every output meets every target",
        "loss",
        parts=objective(squared_errors=broadcast, squared_error_gradient=broadcast_gradient),
        applies=of(MeanSquaredError, outputs=1),
    ),
    Fault(
        "targets broadcast in training",
        "the same, in the gradient alone",
        ONE_STEP,
        parts=objective(squared_error_gradient=broadcast_gradient),
        applies=of(MeanSquaredError, outputs=1),
    ),
    Fault(
        "root of the squared error",
        "the metric is another than the mean absolute error",
        "loss",
        parts=objective(absolute_errors=root_of_squares),
        applies=of(MeanSquaredError, outputs=2),
    ),
    Fault(
        "batch means of values averaged",
        "the short batch counts as a whole one",
        "evaluation",
        MeanOfBatchMeans,
        applies=of(MeanSquaredError),
    ),
)
