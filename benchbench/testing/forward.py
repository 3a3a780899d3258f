"""Forward: `predict` gives probabilities, whatever the weights, and multiplies in float32."""

from __future__ import annotations

import numpy as np

from benchbench.data.samples import make_split
from benchbench.errors import Unsupported
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import LONE_DENSE, each_model, each_scale
from benchbench.testing.subject import Subject

PROTOCOL = TrainingProtocol(epochs=1, batch_size=32)
SAMPLES = 70  # two batches and a short one

# Float32 is within 2e-6; TF32 is 3e-4 away, bfloat16 and half precision further.
ROUNDING = 1e-5


class ForwardTests(Subject):
    """`predict`, from fresh weights and from weights four times as large."""

    @each_scale
    @each_model
    def test_predicts_probabilities(self, model: ModelSpec, scale: float) -> None:
        images = make_split(model, SAMPLES, seed=1).inputs
        observed = self.trainer(model, PROTOCOL, scale=scale).predict(images)
        assert observed.dtype == np.float32
        assert observed.shape == (SAMPLES, *model.output_shape)
        if model.output_activation == "linear":
            assert np.isfinite(observed).all()
            return
        assert 0 <= observed.min() <= observed.max() <= 1 + 1e-5
        if model.output_activation == "softmax":
            np.testing.assert_allclose(observed.sum(axis=-1), 1, atol=1e-5)

    def test_multiplies_in_the_precision_of_the_spec(self) -> None:
        """Float32: pixels and weights with all their bits, read back from the probabilities."""
        random = np.random.default_rng(0)
        images = random.random((SAMPLES, *LONE_DENSE.input_shape), np.float32)
        kernel = np.zeros((images[0].size, 2), np.float32)
        kernel[:, 0] = random.normal(size=len(kernel), scale=1 / 16)
        try:
            trainer = self.bare_trainer(LONE_DENSE, PROTOCOL)
        except Unsupported as answer:
            self.skip_refused("a lone Dense layer", answer)
        trainer.set_variables([kernel, np.zeros(2, np.float32)])
        first, second = trainer.predict(images).astype(np.float64).T
        expected = images.reshape(SAMPLES, -1).astype(np.float64) @ kernel[:, 0].astype(np.float64)
        away = float(np.abs(np.log(first / second) - expected).max())
        assert away <= ROUNDING, (
            f"a matrix product is {away:.1e} away from float64's, float32's by at most "
            f"{ROUNDING:.0e}; settings say {trainer.settings()}"
        )
