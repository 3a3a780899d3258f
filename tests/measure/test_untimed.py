"""Is training done in validation, where none is timed? By seconds that are made up."""

from __future__ import annotations

import msgspec
import pytest
from makers import make_record

from benchbench.measure.untimed import validation_time


def found(training, validation, evaluate, *, train=48_000, validated=12_000, test=10_000):
    record = make_record(train_seconds=training)
    epochs = [
        msgspec.structs.replace(epoch, validation_seconds=seconds)
        for epoch, seconds in zip(record.epochs, validation, strict=True)
    ]
    seen = validation_time(
        epochs,
        evaluate_seconds=evaluate,
        train_samples=train,
        validation_samples=validated,
        test_samples=test,
    )
    return seen and seen.seconds <= seen.most_seconds


@pytest.mark.parametrize(
    ("training", "validation", "evaluate", "passed"),
    [
        ((4.0, 4.0, 4.0), (0.4, 0.4, 0.4), 0.33, True),
        ((4.0, 4.0, 4.0), (9.0, 0.4, 0.4), 0.33, True),  # the first compiles
        ((4.0, 4.0, 4.0, 4.0), (0.4, 0.4, 9.0, 0.4), 0.33, True),  # a burst
        ((8.0, 8.0, 8.0), (0.8, 0.8, 0.8), 0.33, True),  # it was busy until the end
        ((0.01, 0.01, 0.01), (0.05, 0.05, 0.05), 0.001, True),  # the system's scheduling
        ((2.4, 2.4, 2.4), (2.0, 2.0, 2.0), 0.33, False),  # 40 % of the training moved there
        ((0.001, 0.001, 0.001), (4.4, 4.4, 4.4), 0.33, False),
        ((4.0, 4.0, 4.0), (0.4, 0.4, 9.0), 0.33, True),  # of two the lower
        ((4.0, 4.0), (0.4, 9.0), 0.33, None),
        ((4.0,), (9.0,), 0.33, None),
    ],
)
def test_validation_takes_as_long_as_evaluating(training, validation, evaluate, passed):
    assert found(training, validation, evaluate) is passed


def test_a_large_validation_split_may_take_what_training_on_it_would():
    seconds = (4.0, 4.0, 4.0), (3.9, 3.9, 3.9), 0.33
    assert found(*seconds, train=12_000, validated=12_000)
    assert not found(*seconds)


def test_what_a_loop_needs_to_begin_is_not_divided():
    """Of 300 validated samples, where 10,000 are tested: most of the time is fixed."""
    seconds = (0.2, 0.2, 0.2), (0.2, 0.2, 0.2), 0.1
    assert found(*seconds, validated=300)


def test_without_samples_nothing_is_said():
    assert found((4.0, 4.0), (9.0, 9.0), 0.33, validated=0) is None
