"""The conformance suite can fail: each usual fault goes red at the test that is about it."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from benchbench_numpy.backend import NumpyBackend
from faulty.trainers import (
    BusyAfterwards,
    ClaimsMoreThreads,
    DenseKernelsTransposed,
    FaultyTrainer,
    FinishesLater,
    Jittery,
    JitteryNeverShuffles,
    JitterySamePermutation,
    JitterySeedIgnored,
    JitteryStatesAnotherOrder,
    LogitsForProbabilities,
    LossSummed,
    NeverShuffles,
    OnePermutationFromTheClock,
    ParametersNotCopied,
    PredictionsInFloat64,
    ProductsOfRoundedWeights,
    SamePermutationEveryEpoch,
    SeedFromTheClock,
    SeedIgnored,
    SettingsOfNumPyTypes,
    StatesAnotherOrder,
    StatesNoPermutation,
    StatesOneOrder,
    ToldTwice,
    ValidatesOnTrainingImages,
    WeightsNotCopied,
    left_behind,
)

from benchbench import BackendInfo
from benchbench.spec.catalog import MODELS
from benchbench.testing import BackendConformance, training
from benchbench.testing.order import OrderTests

TWO_LAYER = MODELS["two-layer"]


@pytest.fixture(autouse=True)
def the_suite_waits_until_it_is_done(monkeypatch):
    """Do what a trainer has left behind while the suite waits for such, however busy we are."""

    def sleep(_seconds: float) -> None:
        while left_behind:
            left_behind.pop()()

    monkeypatch.setattr(training, "time", SimpleNamespace(sleep=sleep))
    yield
    left_behind.clear()


@pytest.fixture(autouse=True)
def the_noise_is_the_same_in_every_session(monkeypatch):
    monkeypatch.setattr(Jittery, "draws", itertools.count())


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


@pytest.mark.parametrize("kind", [JitteryStatesAnotherOrder, JitterySeedIgnored])
def test_a_backend_that_is_not_reproducible_is_caught_all_the_same(kind):
    test = {
        JitteryStatesAnotherOrder: "test_states_the_order_that_it_used",
        JitterySeedIgnored: "test_draws_another_order_from_another_seed",
    }[kind]
    subject = _conformance(lambda: FaultyBackend(kind), deterministic=False)
    with pytest.raises(AssertionError):
        getattr(subject, test)()
