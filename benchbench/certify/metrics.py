"""The metric of a task, counted anew from what is predicted, and how far two counts may part."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.spec.losses import ACCURACY
from benchbench.spec.task import Task

Outputs = npt.NDArray[Any]

# Probabilities nearer to each other than this may change places in float32.
_TIE = 1e-5
# Two float32 means over some thousand values differ by less, relative to their size.
_ROUNDING = 1e-4
# Below this the size of an error says nothing: targets have a deviation of about one.
_SMALL_ERROR = 1e-2


def metric_of(task: Task, outputs: Outputs, targets: Outputs) -> float:
    """Return the task's metric of outputs (n, *output_shape) for their targets."""
    if task.metric == ACCURACY:
        return float((outputs.argmax(axis=-1) == targets).mean())
    if task.metric.is_fraction:
        return float(((outputs > 0.5) == (targets > 0.5)).mean())
    return float(np.abs(np.subtract(outputs, targets, dtype=np.float64)).mean())


def decision_count(task: Task, outputs: Outputs) -> int:
    """Return how many answers are right or wrong: one a class to tell, or one an output."""
    return outputs[..., 0].size if task.metric == ACCURACY else outputs.size


def miscount(task: Task, expected: float, observed: float, outputs: Outputs) -> float:
    """Return how far an observed metric is off, beyond what rounding explains.

    Fractions as they are, without the near ties; a mean absolute error relative to itself.
    """
    difference = abs(observed - expected)
    if not task.metric.is_fraction:
        return difference / max(_SMALL_ERROR, abs(expected))
    return max(0.0, difference - (_ties(task, outputs) + 0.4) / decision_count(task, outputs))


def same_metric(task: Task, expected: float, observed: float, count: int) -> bool:
    """Say whether two metrics of `count` decisions are one, up to the rounding of their means."""
    if task.metric.is_fraction:
        # A whole number of right answers.
        return abs(observed - expected) * count < 0.5
    return abs(observed - expected) <= _ROUNDING * max(_SMALL_ERROR, abs(expected))


def loss_difference(task: Task, expected: float, observed: float) -> float:
    """Return how far a loss is off: nats, relative above one; a squared error always relative."""
    unit = 1.0 if task.metric.is_fraction else _SMALL_ERROR**2
    return abs(observed - expected) / max(unit, abs(expected))


def _ties(task: Task, outputs: Outputs) -> int:
    if task.metric == ACCURACY:
        highest = np.sort(outputs, axis=-1)[..., -2:]
        return int((highest[..., 1] - highest[..., 0] < _TIE).sum())
    return int((np.abs(outputs - 0.5) < _TIE).sum())
