"""The conformance suite can fail: each usual fault goes red at the test that is about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend
from benchbench_numpy.trainer import NumpyTrainer

import benchbench
from benchbench import BackendInfo
from benchbench.spec.catalog import MODELS
from benchbench.testing import BackendConformance, training
from benchbench.testing.order import OrderTests
from benchbench.testing.training import LATE_SECONDS

TWO_LAYER = MODELS["two-layer"]


# Work that a trainer has left behind: it is done while the suite waits for such, however busy the
# machine is.
_left_behind: list[Callable[[], None]] = []


@pytest.fixture(autouse=True)
def the_suite_waits_until_it_is_done(monkeypatch):
    def sleep(_seconds: float) -> None:
        while _left_behind:
            _left_behind.pop()()

    monkeypatch.setattr(training, "time", SimpleNamespace(sleep=sleep))
    yield
    _left_behind.clear()


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
    """Not reproducible to the bit: its sums come in an order that no seed settles."""

    def _train_epoch(self, train, adam):
        noise = np.random.default_rng(None)
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
        _left_behind.append(self.land)

    def land(self):
        self._network.parameters += 1e-3


class BusyAfterwards(FaultyTrainer):
    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        _left_behind.append(self.spin)

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


class StatesNoPermutation(FaultyTrainer):
    def order(self, epoch):
        return np.maximum(super().order(epoch), 1)


class StatesOneOrder(FaultyTrainer):
    def order(self, epoch):
        return super().order(1)


FAULTS = [
    (FaultyTrainer, "test_refuses_an_unknown_device", ()),  # its backend takes any device
    (FaultyTrainer, "test_refuses_an_unknown_division", ()),
    (NeverShuffles, "test_keeps_the_order_only_if_told_to", ()),
    (JitteryNeverShuffles, "test_keeps_the_order_only_if_told_to", ()),
    (SeedIgnored, "test_draws_another_order_from_another_seed", ()),
    (JitterySeedIgnored, "test_draws_another_order_from_another_seed", ()),
    (SeedFromTheClock, "test_follows_its_seed", ()),
    (SamePermutationEveryEpoch, "test_shuffles_every_epoch_anew", ()),
    (JitterySamePermutation, "test_shuffles_every_epoch_anew", ()),
    (OnePermutationFromTheClock, "test_shuffles_every_epoch_anew", ()),
    (StatesAnotherOrder, "test_states_the_order_that_it_used", ()),
    (StatesNoPermutation, "test_states_the_order_that_it_used", ()),
    (StatesOneOrder, "test_states_the_order_that_it_used", ()),
    (LogitsForProbabilities, "test_predicts_probabilities", (TWO_LAYER, 1)),
    (PredictionsInFloat64, "test_predicts_probabilities", (TWO_LAYER, 1)),
    (ProductsOfRoundedWeights, "test_multiplies_in_the_precision_of_the_spec", ()),
    (ParametersNotCopied, "test_returns_copies_of_the_parameters", ()),
    (ParametersNotCopied, "test_leaves_the_arrays_of_others_alone", ()),
    (DenseKernelsTransposed, "test_returns_the_parameters_it_was_given", (TWO_LAYER,)),
    (WeightsNotCopied, "test_leaves_the_arrays_of_others_alone", ()),
    (ToldTwice, "test_tells_the_observer_of_every_epoch_in_order", ()),
    (ValidatesOnTrainingImages, "test_validates_as_it_evaluates", ()),
    (LossSummed, "test_tells_the_mean_loss_of_the_epoch", ()),
    (FinishesLater, "test_synchronize_waits_for_all_the_work", ()),
    (BusyAfterwards, "test_synchronize_waits_for_all_the_work", ()),
    (SettingsOfNumPyTypes, "test_says_what_really_ran", ()),
    (ClaimsMoreThreads, "test_says_what_really_ran", ()),
]


class FaultyBackend(NumpyBackend):
    """Makes trainers of one faulty class, whatever the device and the division."""

    def __init__(self, kind):
        super().__init__("float32")
        self.kind = kind

    def trainer(self, model, protocol, *, device, division, threads, seed):
        return self.kind(model, protocol, dtype=self._dtype, threads=threads, seed=seed)


def _conformance(create, *, deterministic=True):
    info = BackendInfo("numpy", requires=("numpy",), create=create, deterministic=deterministic)

    class Conformance(BackendConformance):
        backend = "numpy"

        def info(self):
            return info

    return Conformance()


def _passes(conformance, test, arguments=()):
    """Say whether a test of the suite runs to its end: one that is skipped proves nothing."""
    try:
        getattr(conformance, test)(*arguments)
    except pytest.skip.Exception:
        return False
    return True


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
    assert _passes(_conformance(lambda: NumpyBackend("float32")), test, arguments)


def test_a_backend_may_declare_that_a_seed_does_not_settle_it():
    subject = _conformance(lambda: FaultyBackend(SeedFromTheClock), deterministic=False)
    with pytest.raises(pytest.skip.Exception, match="does not give the same result twice"):
        subject.test_follows_its_seed()


def test_a_declared_backend_must_heed_its_seed_all_the_same():
    subject = _conformance(lambda: FaultyBackend(SeedIgnored), deterministic=False)
    with pytest.raises(AssertionError):
        subject.test_draws_another_order_from_another_seed()


ORDER_TESTS = [name for name in vars(OrderTests) if name.startswith("test_")]


@pytest.mark.parametrize("test", ORDER_TESTS)
def test_a_backend_that_is_not_reproducible_shuffles_rightly(test):
    subject = _conformance(lambda: FaultyBackend(Jittery), deterministic=False)
    assert _passes(subject, test)
