"""The order of training, as the traces of samples tell it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend
from faulty import shuffling
from faulty.fault import Fault, FaultyBackend, FaultyTrainer

from benchbench.certify.implementation import Implementation
from benchbench.certify.order import disorders, in_words, misstatements
from benchbench.certify.traces import UNUSED, TracedData, trace

RIGHT = Implementation(NumpyBackend("float32"))


def told(fault: Fault, batch_size: int = 128) -> str:
    return in_words(disorders(Implementation(FaultyBackend(fault)), batch_size, seed=0))


@pytest.mark.parametrize(
    ("batch_size", "seed"), [(1, 0), (8, 1), (100, 2), (128, 0), (128, 1), (128, 2), (5000, 0)]
)
def test_a_right_backend_has_nothing_to_hide(batch_size, seed):
    assert not disorders(RIGHT, batch_size, seed=seed)


@pytest.mark.parametrize("batch_size", [1, 7, 128, 600])
def test_the_steps_read_are_those_that_were_taken(batch_size):
    """NumPy draws a permutation an epoch from its seed: each sample's step is known."""
    found = trace(RIGHT, batch_size, seed=3, epochs=4)
    random = np.random.default_rng(3)
    for steps in found.steps():
        taken = np.empty(found.data.sample_count, int)
        taken[random.permutation(len(taken))] = np.arange(len(taken)) // batch_size + 1
        assert (steps == taken).all()


@pytest.mark.parametrize("fault", shuffling.FAULTS, ids=lambda fault: fault.name)
def test_another_order_is_seen(fault):
    assert told(fault)


@pytest.mark.parametrize("batch_size", [16, 400])
@pytest.mark.parametrize("name", ["one permutation", "blocks of 16", "short batch padded"])
def test_another_order_is_seen_whatever_the_batch(name, batch_size):
    (fault,) = (one for one in shuffling.FAULTS if one.name == name)
    assert told(fault, batch_size)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("with replacement", "in epoch 1 no step used 555 of 1460 samples (numbers 1, 2, 4, ...)"),
        ("a prefix", "no step used 146 of 1460 samples (numbers 1314 to 1459)"),
        ("one permutation", "the order of an epoch depends on that of an epoch before it"),
        ("fixed batches", "neighbours in the data, 2 in a row, share batches"),
        ("sorted by label", "samples of one class come together"),
        ("one seed", "another seed gives the same order"),
        ("validation mixed in", "52 samples were trained on that are not in the training split"),
        ("labels left behind", "samples were trained on with another label"),
        ("short batch padded", "moved their weights as none of its 12 steps would"),
    ],
)
def test_what_is_wrong_is_said(name, words):
    (fault,) = (one for one in shuffling.FAULTS if one.name == name)
    assert words in told(fault)


def test_epochs_that_go_wrong_alike_are_told_once():
    (fault,) = (one for one in shuffling.FAULTS if one.name == "a prefix")
    words = told(fault)
    assert words.count("no step used") == 1
    assert words.endswith("; not right either: epoch 2, 3, 4, 5")


def test_an_epoch_without_a_step_is_read_as_one():
    class Idle(NumpyBackend):
        def trainer(self, *arguments, **options):
            trainer = super().trainer(*arguments, **options)
            trainer._train_epoch = lambda train, adam: 1.0
            return trainer

    found = trace(Implementation(Idle("float32")), 128, seed=0, epochs=2)
    assert all((steps == UNUSED).all() for steps in found.steps())
    assert not found.wrong_labels().any()


@pytest.mark.parametrize("batch_size", [1, 8, 128, 1000])
def test_an_epoch_has_whole_batches_and_a_short_one(batch_size):
    data = TracedData(batch_size)
    whole = data.sample_count - data.short
    assert whole == (data.step_count - 1) * batch_size
    assert 0 < data.short <= batch_size
    train, validation = data.splits()
    assert (len(train), len(validation)) == (data.sample_count, data.short)


class StatesAnotherOrder(FaultyTrainer):
    def order(self, epoch):
        return np.roll(super().order(epoch), 1)


def test_an_order_that_is_stated_and_was_not_used_is_seen():
    """One place off: of each batch one sample is another."""
    fault = Fault("states another", "another order is stated", "order", StatesAnotherOrder)
    assert "`order(1)` states another step for 12 of 1460 samples" in told(fault)


@pytest.mark.parametrize(
    ("moved", "told", "told_if_irreproducible"), [(2, 2, 0), (14, 14, 0), (30, 30, 30)]
)
def test_where_sums_are_not_reproducible_a_hundredth_may_be_misread(
    moved, told, told_if_irreproducible
):
    """Of 1,460 samples some are stated in batches two steps away from those that used them."""
    found = trace(RIGHT, 128, seed=0, epochs=1)
    (order,) = (np.array(one) for one in found.stated)
    first, far = np.arange(moved // 2), 256 + np.arange(moved // 2)
    order[[*first, *far]] = order[[*far, *first]]
    wrong = dataclasses.replace(found, stated=[order])
    for reproducible, count in ((True, told), (False, told_if_irreproducible)):
        seen = [one.sample_count for one in misstatements(wrong, reproducible=reproducible)]
        assert seen == ([count] if count else [])
