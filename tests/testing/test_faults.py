"""The conformance suite can fail: each usual fault goes red at the test that is about it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchbench_numpy.adam import Adam
from benchbench_numpy.backend import NumpyBackend
from benchbench_numpy.trainer import NumpyTrainer

import benchbench
from benchbench import BackendInfo, Score, Split
from benchbench.spec.catalog import MODELS
from benchbench.testing import BackendConformance
from benchbench.testing.cases import ODD_MODELS

DEEPER_CNN = MODELS["deeper-cnn"]
TWO_LAYER = MODELS["two-layer"]
ODD_SIZES = ODD_MODELS[0]


class TorchAdam(Adam):
    """Epsilon joins the corrected root, as in torch.optim.Adam."""

    def __init__(self, settings, parameters):
        super().__init__(settings, parameters)
        self.told = settings

    def update(self, parameters, gradient):
        correction = math.sqrt(1 - self.told.beta_2 ** (self._step + 1))
        self._settings = benchbench.Adam(epsilon=self.told.epsilon * correction)
        super().update(parameters, gradient)


class FastAdam(Adam):
    def update(self, parameters, gradient):
        self._settings = benchbench.Adam(learning_rate=1.01e-3)
        super().update(parameters, gradient)


class ClippingAdam(Adam):
    def update(self, parameters, gradient):
        super().update(parameters, gradient / max(1, np.linalg.norm(gradient)))


class FaultyTrainer(NumpyTrainer):
    """Right in all but what a subclass overrides."""

    adam = Adam

    def _train_epoch(self, train, adam):
        return super()._train_epoch(train, self.adam(adam._settings, self._network.parameters))

    def whole_batches(self, split):
        count = len(split) // self._protocol.batch_size * self._protocol.batch_size
        return Split(split.images[:count], split.labels[:count])


class EpsilonAsTorchHasIt(FaultyTrainer):
    adam = TorchAdam


class LearningRateOnePercentHigh(FaultyTrainer):
    adam = FastAdam


class GradientClippedToNormOne(FaultyTrainer):
    adam = ClippingAdam


class ShortBatchNotTrainedOn(FaultyTrainer):
    def _train_epoch(self, train, adam):
        return super()._train_epoch(self.whole_batches(train), adam)


class LastSamplesFirst(FaultyTrainer):
    def _train_epoch(self, train, adam):
        return super()._train_epoch(Split(train.images[::-1], train.labels[::-1]), adam)


class NeverShuffles(FaultyTrainer):
    def __init__(self, model, protocol, **choices):
        unshuffled = benchbench.TrainingProtocol(
            epochs=protocol.epochs, batch_size=protocol.batch_size, shuffle=False
        )
        super().__init__(model, unshuffled, **choices)


class SeedIgnored(FaultyTrainer):
    def __init__(self, model, protocol, *, seed, **choices):
        super().__init__(model, protocol, seed=0, **choices)


class SeedFromTheClock(FaultyTrainer):
    def __init__(self, model, protocol, *, seed, **choices):
        super().__init__(model, protocol, seed=None, **choices)


class SamePermutationEveryEpoch(FaultyTrainer):
    def _train_epoch(self, train, adam):
        self._random = np.random.default_rng(0)
        return super()._train_epoch(train, adam)


class ShortBatchNotEvaluated(FaultyTrainer):
    def evaluate(self, split):
        return super().evaluate(self.whole_batches(split))


class AveragedOverBatches(FaultyTrainer):
    def evaluate(self, split):
        batches = [
            super(AveragedOverBatches, self).evaluate(
                Split(split.images[batch], split.labels[batch])
            )
            for batch in self._batches(len(split))
        ]
        loss = float(np.mean([score.loss for score in batches]))
        return Score(loss, float(np.mean([score.accuracy for score in batches])))


class LossOfClippedProbabilities(FaultyTrainer):
    def evaluate(self, split):
        clipped = np.clip(self.predict(split.images), 1e-7, 1 - 1e-7)
        loss = -np.log(clipped[np.arange(len(split)), split.labels]).mean()
        return Score(float(loss), super().evaluate(split).accuracy)


class LogitsForProbabilities(FaultyTrainer):
    def predict(self, images):
        return np.log(super().predict(images))


class PredictionsInFloat64(FaultyTrainer):
    def predict(self, images):
        return super().predict(images).astype(np.float64)


class ParametersNotCopied(FaultyTrainer):
    def parameters(self):
        kept, views = self._network.parameters, []
        for shape in self._parameter_shapes:
            views.append(kept[: np.prod(shape)].reshape(shape))
            kept = kept[np.prod(shape) :]
        return views


class DenseKernelsTransposed(FaultyTrainer):
    def parameters(self):
        return [np.ascontiguousarray(array.T) for array in super().parameters()]


class WeightsNotCopied(FaultyTrainer):
    def set_parameters(self, arrays):
        super().set_parameters(arrays)
        self.given = arrays

    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        for array, trained in zip(self.given, self.parameters(), strict=True):
            array[...] = trained


class ToldTwice(FaultyTrainer):
    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        observer.epoch_trained(0.0)


class ValidatesOnTrainingImages(FaultyTrainer):
    def fit(self, train, validation, observer):
        super().fit(train, train, observer)


class LossSummed(FaultyTrainer):
    def _train_epoch(self, train, adam):
        return super()._train_epoch(train, adam) * len(train)


class SettingsOfNumPyTypes(FaultyTrainer):
    def settings(self):
        return super().settings() | {"threads": np.int64(1)}


UPDATE = "test_updates_as_the_reference_does"
EVALUATE = "test_evaluates_as_the_reference_does"
PREDICT = "test_predicts_as_the_reference_does"

FAULTS = [
    (FaultyTrainer, "test_refuses_an_unknown_device", ()),  # its backend takes any device
    (FaultyTrainer, "test_refuses_an_unknown_division", ()),
    (EpsilonAsTorchHasIt, UPDATE, (TWO_LAYER, 1, 1)),
    (LearningRateOnePercentHigh, UPDATE, (TWO_LAYER, 1, 10)),
    (GradientClippedToNormOne, UPDATE, (DEEPER_CNN, 4, 2)),
    (ShortBatchNotTrainedOn, UPDATE, (TWO_LAYER, 1, 2)),
    (LastSamplesFirst, UPDATE, (TWO_LAYER, 1, 2)),
    (NeverShuffles, "test_keeps_the_order_only_if_told_to", ()),
    (SeedIgnored, "test_follows_its_seed", ()),
    (SeedFromTheClock, "test_follows_its_seed", ()),
    (SamePermutationEveryEpoch, "test_shuffles_every_epoch_anew", ()),
    (ShortBatchNotEvaluated, EVALUATE, (TWO_LAYER, 1)),
    (AveragedOverBatches, EVALUATE, (TWO_LAYER, 1)),
    (LossOfClippedProbabilities, EVALUATE, (ODD_SIZES, 4)),
    (LogitsForProbabilities, PREDICT, (TWO_LAYER, 1)),
    (LogitsForProbabilities, "test_predicts_probabilities", (TWO_LAYER, 1)),
    (PredictionsInFloat64, PREDICT, (TWO_LAYER, 1)),
    (ParametersNotCopied, "test_returns_copies_of_the_parameters", ()),
    (ParametersNotCopied, "test_leaves_the_arrays_of_others_alone", ()),
    (DenseKernelsTransposed, "test_returns_the_parameters_it_was_given", (TWO_LAYER,)),
    (WeightsNotCopied, "test_leaves_the_arrays_of_others_alone", ()),
    (ToldTwice, "test_tells_the_observer_of_every_epoch_in_order", ()),
    (ValidatesOnTrainingImages, "test_validates_as_it_evaluates", ()),
    (LossSummed, "test_tells_the_mean_loss_of_the_epoch", ()),
    (SettingsOfNumPyTypes, "test_says_what_really_ran", ()),
]


class FaultyBackend(NumpyBackend):
    """Makes trainers of one faulty class, whatever the device and the division."""

    def __init__(self, kind):
        super().__init__("float32")
        self.kind = kind

    def trainer(self, model, protocol, *, device, division, threads, seed):
        return self.kind(model, protocol, dtype=self._dtype, threads=threads, seed=seed)


def _conformance(create):
    class Conformance(BackendConformance):
        backend = "numpy"

        def info(self):
            return BackendInfo("numpy", requires=("numpy",), create=create)

    return Conformance()


@pytest.mark.parametrize(
    ("fault", "test", "arguments"),
    [pytest.param(*row, id=f"{row[0].__name__}-{row[1]}") for row in FAULTS],
)
def test_a_fault_goes_red(fault, test, arguments):
    conformance = _conformance(lambda: FaultyBackend(fault))
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(conformance, test)(*arguments)


@pytest.mark.parametrize(("test", "arguments"), list(dict.fromkeys(row[1:] for row in FAULTS)))
def test_without_the_fault_it_is_green(test, arguments):
    getattr(_conformance(lambda: NumpyBackend("float32")), test)(*arguments)
