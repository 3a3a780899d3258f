"""Forward: `predict` gives probabilities, whatever the weights."""

from __future__ import annotations

import numpy as np

from benchbench.certify.samples import make_split
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import each_model, each_scale
from benchbench.testing.subject import Subject

PROTOCOL = TrainingProtocol(epochs=1, batch_size=32)
SAMPLES = 70  # two batches and a short one


class ForwardTests(Subject):
    """`predict`, from fresh weights and from weights four times as large."""

    @each_scale
    @each_model
    def test_predicts_probabilities(self, model: ModelSpec, scale: float) -> None:
        images = make_split(model, SAMPLES, seed=1).images
        observed = self.trainer(model, PROTOCOL, scale=scale).predict(images)
        assert observed.dtype == np.float32
        assert observed.shape == (SAMPLES, model.classes)
        assert observed.min() >= 0
        np.testing.assert_allclose(observed.sum(axis=1), 1, atol=1e-5)
