"""Bands: the interval by its formula, the notebook's figures inside, derivation from records."""

from __future__ import annotations

import math
import statistics

import msgspec
import pytest
from makers import make_record

from benchbench.certify.bands import Band, all_bands, as_toml, find_band, keep_band, mean_and_sd
from benchbench.compare.derived_bands import derive_bands
from benchbench.records import Check, FinalScore
from benchbench.spec.catalog import MODELS, PUBLISHED_ACCURACY
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

BAND = Band("m", "d", "spec", "data", mean=0.98, sd=0.001, n=10, backends=("torch",))


def test_the_interval_is_the_one_for_one_more_seed():
    low, high = BAND.limits
    # Student's 0.9995 quantile at 9 degrees of freedom is 4.781 (any table of it).
    half = 4.781 * 0.001 * math.sqrt(1.1)
    assert (low, high) == pytest.approx((0.98 - half, 0.98 + half), abs=1e-6)


def test_no_accuracy_is_above_one():
    assert msgspec.structs.replace(BAND, mean=0.9999).limits[1] == 1.0


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_band_on_both_data_sets_and_the_notebook_lies_inside(name):
    spec = spec_sha256(MODELS[name], TrainingProtocol())
    bands = {band.dataset: band for band in all_bands() if band.spec_sha256 == spec}
    assert set(bands) == {"mnist", "digits"}
    low, high = bands["mnist"].limits
    assert low <= PUBLISHED_ACCURACY[name] <= high


def test_a_band_is_found_by_both_hashes_only():
    band = all_bands()[0]
    assert find_band(band.spec_sha256, band.dataset_sha256) == band
    assert find_band(band.spec_sha256, "other") is None
    assert find_band("other", band.dataset_sha256) is None


def seeds(count, **changes):
    return [
        make_record(seed=seed, test=FinalScore(0.1, 0.97 + seed / 1000, 10_000), **changes)
        for seed in range(count)
    ]


def test_ten_seeds_make_a_band():
    (band,) = derive_bands(seeds(10))
    accuracies = [0.97 + seed / 1000 for seed in range(10)]
    assert band.n == 10
    assert band.mean == pytest.approx(statistics.fmean(accuracies))
    assert band.sd == pytest.approx(statistics.stdev(accuracies), abs=1e-6)


def test_nine_seeds_or_the_same_seed_again_do_not():
    assert derive_bands(seeds(9)) == []
    assert derive_bands(seeds(9) + seeds(9)) == []
    with pytest.raises(ValueError, match="10 seeds"):
        mean_and_sd([0.9] * 9)


def test_specs_and_data_are_never_mixed():
    mixed = seeds(5) + seeds(5, dataset_sha256="e" * 64)
    assert derive_bands(mixed) == []


def test_a_run_outside_the_old_band_counts_and_a_broken_one_does_not():
    outside = Check("test metric", False, "in the band", "out of it")
    broken = Check("parameter count", False, "1", "2")
    assert len(derive_bands(seeds(10, checks=(outside,)))) == 1
    assert derive_bands(seeds(10, checks=(broken,))) == []


def test_a_seed_counts_once_whoever_trained_it():
    """The first weights are the seed's, so losses of one seed are alike under every backend."""
    twice = seeds(9) + seeds(9, backend="keras")
    assert derive_bands(twice) == []
    (band,) = derive_bands([*twice, *seeds(10)])
    assert (band.n, band.backends) == (10, ("torch",)), "of a seed the first that is given"


def test_losses_are_kept_as_logarithms_by_epoch():
    runs = seeds(10)
    for seed, run in enumerate(runs):
        epochs = [msgspec.structs.replace(one, loss=math.exp(seed / 10)) for one in run.epochs]
        runs[seed] = msgspec.structs.replace(run, epochs=tuple(epochs))
    (band,) = derive_bands(runs)
    assert band.training_loss.mean == (0.45,) * 5
    sd = statistics.stdev(seed / 10 for seed in range(10))
    assert band.training_loss.sd == (round(sd, 5),) * 5
    assert band.validation_loss.sd == (0.0,) * 5
    assert band.test_loss.mean == (round(math.log(0.1), 5),)


def test_a_loss_without_a_logarithm_makes_no_band_of_its_kind():
    runs = seeds(10)
    none = tuple(msgspec.structs.replace(one, loss=0.0) for one in runs[0].epochs)
    (band,) = derive_bands([msgspec.structs.replace(runs[0], epochs=none), *runs[1:]])
    assert band.training_loss is None
    assert band.validation_loss is not None


def test_a_band_of_ones_own_is_kept_found_and_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    (band,) = derive_bands(seeds(10, spec_sha256="a" * 64))
    assert find_band("a" * 64, "d" * 64) is None
    path = keep_band(band)
    assert find_band("a" * 64, "d" * 64) == band
    assert path.read_text() == as_toml([band])
    more = msgspec.structs.replace(band, n=11)
    keep_band(more)
    assert find_band("a" * 64, "d" * 64) == more
    assert find_band("a" * 64, "e" * 64) is None


@pytest.mark.parametrize("text", ["", "[[band]]", "no toml", "[[band]]\nmodel = 1"])
def test_a_kept_band_that_cannot_be_read_is_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    (band,) = derive_bands(seeds(10, spec_sha256="a" * 64))
    keep_band(band).write_text(text)
    assert find_band("a" * 64, "d" * 64) is None


def test_every_band_judges_losses_of_every_epoch():
    for band in all_bands():
        assert len(band.training_loss.mean) == len(band.validation_loss.sd) >= 5
        assert len(band.test_loss.mean) == 1
