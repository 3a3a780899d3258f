"""Trainers with the usual faults, right in all else: what the conformance suite must catch."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
from benchbench_numpy.trainer import NumpyTrainer

import benchbench
from benchbench.testing.training import LATE_SECONDS

# Work that a trainer has left behind, for whoever waits for it to do.
left_behind: list[Callable[[], None]] = []


class FaultyTrainer(NumpyTrainer):
    """Right in all but what a subclass overrides."""


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


class Jittery(FaultyTrainer):
    """Not reproducible to the bit: its sums come in an order that no seed of a run settles."""

    draws = itertools.count()

    def _train_epoch(self, train, adam):
        noise = np.random.default_rng(next(self.draws))
        loss = super()._train_epoch(train, adam)
        weights = self._network.parameters
        weights *= 1 + 1e-4 * noise.standard_normal(weights.shape, weights.dtype)
        return loss


class JitteryNeverShuffles(Jittery, NeverShuffles): ...


class JitterySeedIgnored(Jittery, SeedIgnored): ...


class JitterySamePermutation(Jittery, SamePermutationEveryEpoch): ...


class OnePermutationFromTheClock(FaultyTrainer):
    """Draws one order for all epochs, another one in every run."""

    def fit(self, train, validation, observer):
        self._clock = time.monotonic_ns()
        super().fit(train, validation, observer)

    def _train_epoch(self, train, adam):
        self._random = np.random.default_rng(self._clock)
        return super()._train_epoch(train, adam)


class LogitsForProbabilities(FaultyTrainer):
    def predict(self, inputs):
        return np.log(super().predict(inputs))


class PredictionsInFloat64(FaultyTrainer):
    def predict(self, inputs):
        return super().predict(inputs).astype(np.float64)


class ProductsOfRoundedWeights(FaultyTrainer):
    """As a tensor core in TF32 has them: 10 bits of 23."""

    def predict(self, inputs):
        trained = self.variables()
        self.set_variables([_rounded(array) for array in trained])
        return super().predict(inputs)


def _rounded(array):
    bits = np.ascontiguousarray(array).view(np.uint32)
    return ((bits + 0x1000) & np.uint32(0xFFFFE000)).view(np.float32)


class ParametersNotCopied(FaultyTrainer):
    def variables(self):
        kept, views = self._network.parameters, []
        for shape in self._shapes:
            views.append(kept[: np.prod(shape)].reshape(shape))
            kept = kept[np.prod(shape) :]
        return views


class DenseKernelsTransposed(FaultyTrainer):
    def variables(self):
        return [np.ascontiguousarray(array.T) for array in super().variables()]


class WeightsNotCopied(FaultyTrainer):
    def set_variables(self, arrays):
        super().set_variables(arrays)
        self.given = arrays

    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        for array, trained in zip(self.given, self.variables(), strict=True):
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


class FinishesLater(FaultyTrainer):
    """Returns from `fit` before the last step has landed, and synchronises with nothing."""

    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        left_behind.append(self.land)

    def land(self):
        self._network.parameters += 1e-3


class BusyAfterwards(FaultyTrainer):
    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        left_behind.append(self.spin)

    def spin(self):
        until = time.thread_time() + LATE_SECONDS
        while time.thread_time() < until:
            pass


class SettingsOfNumPyTypes(FaultyTrainer):
    def settings(self):
        return super().settings() | {"threads": np.int64(1)}


class ClaimsMoreThreads(FaultyTrainer):
    def settings(self):
        return super().settings() | {"threads": 64}


class StatesAnotherOrder(FaultyTrainer):
    def order(self, epoch):
        return super().order(epoch + 1)


class JitteryStatesAnotherOrder(Jittery, StatesAnotherOrder): ...


class StatesNoPermutation(FaultyTrainer):
    def order(self, epoch):
        return np.maximum(super().order(epoch), 1)


class StatesOneOrder(FaultyTrainer):
    def order(self, epoch):
        return super().order(1)
