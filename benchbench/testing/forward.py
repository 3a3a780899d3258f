"""Forward: the same probabilities, losses and accuracies as the reference."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import each_model, each_scale, make_split
from benchbench.testing.subject import Reference, Subject, relative_difference

PROTOCOL = TrainingProtocol(epochs=1, batch_size=32)
SAMPLES = 70  # two batches and a short one

# Relative difference from float64. Source: measured on these images with NumPy, torch and Keras on
# TensorFlow, at most 1e-6 and 1.4e-7.
PREDICTION_TOLERANCE = 1e-5
LOSS_TOLERANCE = 1e-5


class ForwardTests(Subject):
    """`predict` and `evaluate`, from fresh weights and from weights four times as large."""

    @each_scale
    @each_model
    def test_predicts_as_the_reference_does(self, model: ModelSpec, scale: float) -> None:
        images = make_split(model, SAMPLES, seed=1).images
        expected = Reference().trainer(model, PROTOCOL, scale=scale).predict(images)
        observed = self.trainer(model, PROTOCOL, scale=scale).predict(images)
        assert observed.dtype == np.float32
        assert observed.shape == (SAMPLES, model.classes)
        assert relative_difference(observed, expected) <= PREDICTION_TOLERANCE

    @each_scale
    @each_model
    def test_predicts_probabilities(self, model: ModelSpec, scale: float) -> None:
        images = make_split(model, SAMPLES, seed=1).images
        observed = self.trainer(model, PROTOCOL, scale=scale).predict(images)
        assert observed.min() >= 0
        np.testing.assert_allclose(observed.sum(axis=1), 1, atol=1e-5)

    @each_scale
    @each_model
    def test_evaluates_as_the_reference_does(self, model: ModelSpec, scale: float) -> None:
        """Averaged over samples: the last batch is short and counts for less."""
        split = make_split(model, SAMPLES, seed=1)
        expected = Reference().trainer(model, PROTOCOL, scale=scale).evaluate(split)
        observed = self.trainer(model, PROTOCOL, scale=scale).evaluate(split)
        assert observed.loss == pytest.approx(expected.loss, rel=LOSS_TOLERANCE)
        assert observed.accuracy == pytest.approx(expected.accuracy, abs=1e-6)
