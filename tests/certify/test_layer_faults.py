"""Faults of normalisation, dropout and activations: caught, and named."""

from __future__ import annotations

import benchbench_numpy.network as numpy_network
import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend
from benchbench_numpy.layers import BatchNorm, Dropout, Elementwise, LayerNorm

import benchbench as bb
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.dropout import dropout_faults
from benchbench.certify.exercise import FRESH, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import Reference

CANDIDATE = Implementation(NumpyBackend("float32"))
REFERENCE = Implementation(NumpyBackend("float64"))

NORMS = bb.ModelSpec(
    "norms",
    (6, 6, 1),
    (
        bb.Conv2D(3, (3, 3), use_bias=False),
        bb.BatchNorm(),
        bb.Activation("gelu"),
        bb.LayerNorm(),
        bb.Flatten(),
        bb.Dense(6),
        bb.BatchNorm(momentum=0.9),
        bb.Dense(3, "softmax"),
    ),
)


class UnbiasedBatchNorm(BatchNorm):
    def forward(self, x):
        kept = self._moving_variance.copy()
        y = super().forward(x)
        if self.training:
            count = x.size // x.shape[-1]
            old = self._momentum * kept
            self._moving_variance[...] = old + (self._moving_variance - old) * count / (count - 1)
        return y


class ComplementBatchNorm(BatchNorm):
    def __init__(self, *arrays, momentum, epsilon):
        super().__init__(*arrays, momentum=1 - momentum, epsilon=epsilon)


class StillBatchNorm(BatchNorm):
    """Trains with the moving statistics, which stay as they are."""

    def forward(self, x):
        self.training = False
        return super().forward(x)


class AlwaysTraining(BatchNorm):
    def forward(self, x):
        kept = self._moving_mean.copy(), self._moving_variance.copy()
        training, self.training = self.training, True
        y = super().forward(x)
        self.training = training
        if not training:
            self._moving_mean[...], self._moving_variance[...] = kept
        return y


def _with_epsilon(kind, epsilon):
    def make(*arrays, **options):
        return kind(*arrays, **(options | {"epsilon": epsilon}))

    return make


FAULTS = {
    "unbiased variance": ("BatchNorm", UnbiasedBatchNorm, "update after 1 step", "unbiased"),
    "momentum complement": ("BatchNorm", ComplementBatchNorm, "update after 1 step", "new batch"),
    "moving statistics": ("BatchNorm", StillBatchNorm, "update after 1 step", "did not move"),
    "no evaluation mode": ("BatchNorm", AlwaysTraining, "forward", "in training where"),
    "epsilon of BatchNorm": (
        "BatchNorm",
        _with_epsilon(BatchNorm, 1e-5),
        "forward",
        "epsilon of BatchNorm is 1e-05, torch's default",
    ),
    "epsilon of LayerNorm": (
        "LayerNorm",
        _with_epsilon(LayerNorm, 1e-5),
        "forward",
        "epsilon of LayerNorm is 1e-05, torch's default",
    ),
    "gelu by tanh": (
        "Elementwise",
        lambda name: Elementwise("gelu_tanh" if name == "gelu" else name),
        "update after 1 step",
        "tanh form",
    ),
}


def _climb(model, seed=0):
    exercise = Exercise(model, bb.TrainingProtocol(batch_size=16), seed)
    reference = Reference(REFERENCE, exercise)
    return Ladder(CandidateMeasures(CANDIDATE, reference, exercise), starts=(FRESH,)), reference


def _patched(monkeypatch, kind, fault, model):
    """Climb with the fault in the candidate, which has the very network class of the reference."""
    right = getattr(numpy_network, kind)

    def build(*arrays, **options):
        dtype = arrays[0].dtype if kind != "Elementwise" else building[-1]
        return (fault if dtype == np.float32 else right)(*arrays, **options)

    building = []
    original = numpy_network._Builder.__init__

    def noting(self, *arguments, **options):
        building.append(options["dtype"])
        original(self, *arguments, **options)

    monkeypatch.setattr(numpy_network._Builder, "__init__", noting)
    monkeypatch.setattr(numpy_network, kind, build)
    ladder, _ = _climb(model)
    return next((rung for rung in ladder.climb() if rung.verdict == "breaks"), None)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_layer_is_caught_and_named(monkeypatch, name):
    kind, fault, rung, words = FAULTS[name]
    broken = _patched(monkeypatch, kind, fault, NORMS)
    assert broken is not None, "not caught"
    assert broken.name == rung, broken.explanation
    assert words in broken.explanation


def test_a_bias_before_batch_norm_is_left_out_and_named():
    layers = (bb.Flatten(), bb.Dense(4), bb.BatchNorm(), bb.Dense(3, "softmax"))
    ladder, reference = _climb(bb.ModelSpec("biased", (4, 4, 1), layers))
    rungs = {rung.name: rung for rung in ladder.climb()}
    assert {rung.verdict for rung in rungs.values()} == {"holds"}
    assert "does not depend on layers.1.bias: not compared" in rungs["update after 1 step"].measure
    long = rungs["update after 10 steps"].measure
    assert "layers.1.bias, layers.2.moving_mean: not compared" in long
    assert reference.counted(Exercise(reference.exercise.spec, bb.TrainingProtocol()).long).any()


@pytest.mark.parametrize(
    "between", [(), (bb.Conv2D(3, (1, 1), use_bias=False),)], ids=["at once", "linear"]
)
def test_a_mean_that_is_zero_by_construction_is_no_false_alarm(between):
    """Behind a BatchNorm, with nothing but linear layers between, a mean is rounding alone."""
    layers = (
        bb.Conv2D(3, (3, 3), use_bias=False),
        bb.BatchNorm(),
        *between,
        bb.BatchNorm(),
        bb.Activation("tanh"),
        bb.Flatten(),
        bb.Dense(3, "softmax"),
    )
    for seed in range(2):
        ladder, _ = _climb(bb.ModelSpec("twice", (6, 6, 1), layers), seed)
        assert [rung for rung in ladder.climb() if rung.verdict != "holds"] == []


def test_an_output_layer_needs_no_bias():
    layers = (bb.Flatten(), bb.Dense(4, "tanh"), bb.Dense(3, "softmax", use_bias=False))
    ladder, _ = _climb(bb.ModelSpec("unbiased", (4, 4, 1), layers))
    assert {rung.verdict for rung in ladder.climb()} == {"holds"}


def test_a_bias_that_matters_is_compared():
    _, reference = _climb(NORMS)
    assert "layers.7.bias" not in reference.left_out(Exercise(NORMS, bb.TrainingProtocol()).long)


# Dropout.


class Unscaled(Dropout):
    def forward(self, x):
        y = super().forward(x)
        if self._mask is None:
            return y
        self._mask *= 1 - self._rate
        return y * x.dtype.type(1 - self._rate)


class Kept(Dropout):
    def __init__(self, rate, random):
        super().__init__(1 - rate, random)


class OneMask(Dropout):
    def forward(self, x):
        self._random = np.random.default_rng(0)
        return super().forward(x)


class Always(Dropout):
    def forward(self, x):
        self.training = True
        return super().forward(x)


class Never(Dropout):
    def forward(self, x):
        self.training = False
        return super().forward(x)


class LeftOn(Dropout):
    """Is never told that training has ended."""

    def forward(self, x):
        self.training = self.training or self._mask is not None
        return super().forward(x)


class InPairs(Dropout):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        kept = np.repeat(self._random.random(x.size // 64) >= self._rate, 64).reshape(x.shape)
        self._mask = kept * x.dtype.type(1 / (1 - self._rate))
        return x * self._mask


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Unscaled, "scaled by 1, not by 1 / (1 - rate) = 1.25"),
        (Kept, "the rate is taken for the share that is kept"),
        (OneMask, "drop the very values of the step before"),
        (Always, "dropout acts in `predict`"),
        (LeftOn, "dropout acts in `predict`"),
        (Never, "nothing is dropped in training"),
        (InPairs, "dropped together"),
    ],
)
def test_a_fault_of_dropout_is_caught_and_named(monkeypatch, fault, words):
    monkeypatch.setattr(numpy_network, "Dropout", fault)
    found = dropout_faults(CANDIDATE, 0.2, seed=0)
    assert any(words in one.words for one in found), found


@pytest.mark.parametrize("rate", [1e-4, 0.003, 0.1, 0.5, 0.9, 0.999])
def test_right_dropout_has_no_fault(rate):
    assert not [fault for seed in range(10) for fault in dropout_faults(CANDIDATE, rate, seed=seed)]


def test_a_model_with_dropout_is_certified_without_it_and_by_its_masks():
    layers = (bb.Flatten(), bb.Dense(8, "relu"), bb.Dropout(0.5), bb.Dense(3, "softmax"))
    ladder, _ = _climb(bb.ModelSpec("dropping", (4, 4, 1), layers))
    rungs = ladder.climb()
    assert rungs[-1].name == "dropout"
    assert {rung.verdict for rung in rungs} == {"holds"}
