"""Runs are pooled into cells only where they are alike, and the figures are right."""

import math

import pytest
from makers import make_record

from benchbench import records
from benchbench.compare.summary import summarise
from benchbench.records import Check


def test_figures_of_one_run():
    (cell,) = summarise([make_record()])
    assert cell.run_count == 1
    assert cell.test_accuracy_mean == 0.984
    assert cell.first_epoch_seconds.seconds == pytest.approx(9.0)
    steady = cell.steady_epoch_seconds
    assert steady.seconds == pytest.approx(6.75, rel=1e-3), "the geometric middle of 6.5 and 7"
    assert (steady.low, steady.high) == (None, None)
    assert (steady.least, steady.greatest, steady.value_count) == (6.0, 8.0, 4)
    assert cell.training_images_per_second == pytest.approx(48_000 / 6.75, rel=1e-3)
    assert cell.evaluation_images_per_second == 20_000
    assert cell.prediction_images_per_second == 40_000
    assert cell.cold_total_seconds.seconds == pytest.approx(42.0)  # without the 3 s of waiting
    assert cell.peak_memory_bytes == 612_000_000
    assert (cell.checks_passed, cell.checks_applied) == (1, 1)


def test_runs_of_one_cell_are_pooled():
    runs = [
        make_record(train_seconds=(5.0, 1.0, 2.0), seed=0),
        make_record(
            train_seconds=(7.0, 3.0, 4.0),
            seed=1,
            block=1,
            test=records.FinalScore(loss=0.05, accuracy=0.986, image_count=10_000),
            peak_memory_bytes=700_000_000,
        ),
    ]
    (cell,) = summarise(runs)
    assert (cell.run_count, cell.seed_count) == (2, 2)
    assert cell.first_epoch_seconds.seconds == pytest.approx(math.sqrt(5 * 7))
    assert cell.steady_epoch_seconds.seconds == pytest.approx(math.sqrt(2**0.5 * 12**0.5))
    assert cell.steady_epoch_seconds.low < cell.steady_epoch_seconds.seconds
    assert cell.steady_epoch_seconds.low * cell.steady_epoch_seconds.high == pytest.approx(
        cell.steady_epoch_seconds.seconds**2
    )
    assert cell.test_accuracy_mean == pytest.approx(0.985)
    assert (cell.test_accuracy_least, cell.test_accuracy_greatest) == (0.984, 0.986)
    assert cell.peak_memory_bytes == 700_000_000


@pytest.mark.parametrize(
    "difference",
    [
        {"backend": "keras"},
        {"division": "tuned"},
        {"dataset": "digits"},
        {"dataset_sha256": "e" * 64},
        {"train_image_count": 4_800},
        {"device": "cuda:0"},
        {"threads": 1},
        {"session_id": "another"},
        {"spec_sha256": "0" * 64},
        {"versions": {"torch": "2.14.0"}},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_runs_that_differ_are_never_pooled(difference):
    cells = summarise([make_record(), make_record(**difference)])
    assert [cell.run_count for cell in cells] == [1, 1]


def test_only_good_runs_count():
    bad = ("invalid", "failed", "crashed", "timeout", "oom", "interrupted", "skipped")
    assert summarise([make_record(status=status) for status in bad]) == ()


def test_unknown_stays_unknown():
    bare = make_record(
        train_seconds=(),
        test=None,
        phases=None,
        peak_memory_bytes=None,
        train_image_count=None,
        checks=(Check("band", None, "a band", "no band is known"),),
    )
    (cell,) = summarise([bare])
    for name in (
        "test_accuracy_mean",
        "first_epoch_seconds",
        "steady_epoch_seconds",
        "training_images_per_second",
        "evaluation_images_per_second",
        "prediction_images_per_second",
        "cold_total_seconds",
        "peak_memory_bytes",
    ):
        assert getattr(cell, name) is None, name
    assert (cell.checks_passed, cell.checks_applied) == (0, 0)


def test_a_single_epoch_is_no_steady_epoch():
    (cell,) = summarise([make_record(train_seconds=(9.0,))])
    assert cell.first_epoch_seconds.seconds == pytest.approx(9.0)
    assert cell.steady_epoch_seconds is None
    assert cell.training_images_per_second is None


def test_models_come_in_the_order_of_the_catalog():
    names = ["deeper-cnn", "simple-cnn", "single-layer", "two-layer"]
    runs = [make_record(model=name) for name in names]
    runs.append(make_record(spec_sha256="1" * 64))
    found = list(dict.fromkeys(cell.model for cell in summarise(runs)))
    assert found == ["single-layer", "two-layer", "simple-cnn", "deeper-cnn"]
