"""Faults of every loss are caught at their rung, and told in words; right backends are not."""

from __future__ import annotations

import pytest
from faulty import binary, classes, values
from faulty.fault import DEFAULT_PROTOCOL, Fault
from faulty.objective import SMOOTHED, TASK_MODELS
from faulty.scoring import catch

FAULTS = (*classes.FAULTS, *binary.FAULTS, *values.FAULTS)


def smallest(fault):
    return next(model for model in TASK_MODELS if fault.applies(model))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_a_task_is_caught_where_it_belongs(fault):
    caught = catch(fault, smallest(fault))
    assert caught.rung is not None, "not caught"
    assert caught.rung.name in fault.rungs_in(caught.model), caught.rung.explanation
    assert set(fault.starts) <= set(caught.starts)


@pytest.mark.parametrize("model", TASK_MODELS, ids=lambda model: model.name)
def test_without_a_fault_every_task_is_certified(model):
    protocol = SMOOTHED if model.output_activation == "softmax" else DEFAULT_PROTOCOL
    assert catch(Fault("none", "nothing is wrong", "", protocol=protocol), model).rung is None


WORDS = {
    "smoothing over the other classes": "a/(K-1)",
    "smoothing in training only": "the labels are not smoothed",
    "smoothing in evaluation only": "in training the labels are not smoothed",
    "softmax over the batch": "over the samples (axis 0)",
    "binary loss summed over outputs": "summed over the outputs",
    "double sigmoid": "a second sigmoid",
    "clamped binary probabilities": "clamped",
    "exact match": "the loss is right",
    "softmax for sigmoid": "a softmax stands",
    "sigmoid missing": "is the sigmoid missing",
    "half the squared error": "half the squared error is taken, as optax.l2_loss does",
    "squared error summed over outputs": "summed over the outputs",
    "absolute error": "the absolute error is taken",
    "Huber's loss": "Huber's loss (delta 1)",
    "targets broadcast": "targets (n,)",
    "targets broadcast in training": "in training outputs (n, 1) meet targets (n,)",
    "root of the squared error": "mean absolute error",
    "batch means of values averaged": "counts as much as a whole one",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_explanation_names_the_trap(name):
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    told = catch(fault, smallest(fault)).rung.explanation
    assert WORDS[name] in told, told
