"""The loss from predictions: that of the reference, and bounds where float32 says no more."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchbench_numpy.objective import objective_of

from benchbench.certify.recounted_loss import agrees, in_words, recounted_loss
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from benchbench.spec.task import Task

CLASSES, POSITIONS = (10,), (7, 5)
TASKS = {
    "classes": Task(CrossEntropy(), CLASSES),
    "smoothed labels": Task(CrossEntropy(0.1), CLASSES),
    "a class at each place": Task(CrossEntropy(), POSITIONS),
    "yes or no": Task(BinaryCrossEntropy(), (6,)),
    "values": Task(MeanSquaredError(), (3,)),
}


def drawn(task, scale=3.0, count=400):
    """Return logits, float32, and targets of the task."""
    random = np.random.default_rng(0)
    logits = (scale * random.normal(size=(count, *task.output_shape))).astype(np.float32)
    if task.classes:
        return logits, random.integers(0, task.classes, (count, *task.target_shape))
    return logits, random.random(logits.shape).astype(np.float32)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("scale", [0.01, 3.0, 12.0])
def test_it_is_what_the_reference_evaluates(task, scale):
    logits, targets = drawn(task, scale)
    objective = objective_of(task.loss)
    bounds = recounted_loss(task, objective.outputs(logits), targets)
    loss = float(objective.losses(logits.astype(np.float64), targets).mean())
    assert agrees(loss, bounds)
    assert in_words(bounds)
    if scale < 10:
        assert not agrees(1.003 * loss, bounds)
        assert not agrees(loss / 1.003, bounds)


def test_many_outputs_are_taken_in_parts(monkeypatch):
    task = TASKS["a class at each place"]
    logits, targets = drawn(task)
    outputs = objective_of(task.loss).outputs(logits)
    whole = recounted_loss(task, outputs, targets)
    monkeypatch.setattr("benchbench.certify.recounted_loss._CHUNK", 100)
    assert recounted_loss(task, outputs, targets) == pytest.approx(whole, rel=1e-12)


def test_a_probability_of_zero_bounds_the_loss_from_below_only():
    task = TASKS["classes"]
    outputs = np.zeros((4, 10), np.float32)
    outputs[:, 0] = 1
    low, high = bounds = recounted_loss(task, outputs, np.array([0, 0, 0, 1]))
    assert low == pytest.approx(-math.log(1e-37) / 4, rel=0.01)
    assert math.isinf(high)
    assert in_words(bounds).endswith(" or more")


def test_predictions_that_are_sure_and_right_have_a_loss_near_zero():
    task = TASKS["classes"]
    outputs = np.eye(10, dtype=np.float32)
    assert agrees(1e-8, recounted_loss(task, outputs, np.arange(10)))


def test_a_sure_answer_to_a_wrong_half_is_bounded_by_what_float32_resolves():
    task = TASKS["yes or no"]
    outputs = np.full((1, 6), np.float32(1) - np.finfo(np.float32).epsneg)
    low, high = recounted_loss(task, outputs, np.zeros((1, 6), np.float32))
    assert low < 16.6 < high
