"""The reference's losses: values worked out by hand, derivatives against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from benchbench_numpy.objective import objective_of

from benchbench import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

STEP = 1e-6
LOSSES = {
    "classes": (CrossEntropy(), (4, 3)),
    "smoothed classes": (CrossEntropy(label_smoothing=0.2), (4, 3)),
    "a class at each step": (CrossEntropy(label_smoothing=0.1), (4, 5, 3)),
    "yes or no": (BinaryCrossEntropy(), (4, 3)),
    "values": (MeanSquaredError(), (4, 3)),
}


def _targets(loss, shape, random):
    if isinstance(loss, CrossEntropy):
        return random.integers(0, shape[-1], shape[:-1])
    return random.random(shape)


@pytest.mark.parametrize("name", LOSSES)
def test_the_derivative_is_that_of_the_mean_loss(name):
    loss, shape = LOSSES[name]
    random = np.random.default_rng(0)
    objective, logits, targets = objective_of(loss), random.normal(size=shape), None
    targets = _targets(loss, shape, random)
    expected = np.empty(shape)
    for place in np.ndindex(shape):
        nudge = np.zeros(shape)
        nudge[place] = STEP
        above, below = (objective.losses(logits + n, targets).mean() for n in (nudge, -nudge))
        expected[place] = (above - below) / (2 * STEP)
    np.testing.assert_allclose(objective.gradient(logits, targets), expected, atol=1e-9)


def test_losses_and_metrics_by_hand():
    """Logits of probabilities 3/4 and 1/4; smoothing 0.2 of two classes makes targets .9 and .1."""
    logits, labels = np.log([[3.0, 1.0]]), np.array([0])
    smoothed = objective_of(CrossEntropy(label_smoothing=0.2))
    expected = -(0.9 * np.log(0.75) + 0.1 * np.log(0.25))
    np.testing.assert_allclose(smoothed.losses(logits, labels), expected)
    assert smoothed.metrics(logits, labels) == 1

    yes_or_no, targets = objective_of(BinaryCrossEntropy()), np.array([[1.0, 0.2]])
    logit = np.log([[3.0, 1 / 3]])
    expected = -(np.log(0.75) + 0.2 * np.log(0.25) + 0.8 * np.log(0.75)) / 2
    np.testing.assert_allclose(yes_or_no.losses(logit, targets), expected)
    assert yes_or_no.metrics(logit, np.array([[1.0, 0.7]])) == 0.5
    np.testing.assert_allclose(yes_or_no.outputs(logit), [[0.75, 0.25]])

    values = objective_of(MeanSquaredError())
    assert values.losses(np.array([[1.0, 4.0]]), np.array([[0.0, 2.0]])) == 2.5
    assert values.metrics(np.array([[1.0, 4.0]]), np.array([[0.0, 2.0]])) == 1.5


def test_a_logit_of_a_thousand_is_neither_clipped_nor_infinite():
    yes_or_no = objective_of(BinaryCrossEntropy())
    logits = np.array([[1e3, -1e3]])
    with np.errstate(over="raise"):
        assert yes_or_no.losses(logits, np.array([[0.0, 1.0]])) == 1e3
        assert yes_or_no.outputs(logits).tolist() == [[1, 0]]
