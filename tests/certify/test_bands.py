"""Bands: the interval by its formula, the notebook's figures inside, derivation from records."""

from __future__ import annotations

import math
import statistics

import msgspec
import pytest
from bands import derive
from makers import make_record

from benchbench.certify.bands import Band, all_bands, find_band, mean_and_sd
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
    (band,) = derive(seeds(10))
    accuracies = [0.97 + seed / 1000 for seed in range(10)]
    assert band.n == 10
    assert band.mean == pytest.approx(statistics.fmean(accuracies))
    assert band.sd == pytest.approx(statistics.stdev(accuracies), abs=1e-6)


def test_nine_seeds_or_the_same_seed_again_do_not():
    assert derive(seeds(9)) == []
    assert derive(seeds(9) + seeds(9)) == []
    with pytest.raises(ValueError, match="10 seeds"):
        mean_and_sd([0.9] * 9)


def test_specs_and_data_are_never_mixed():
    mixed = seeds(5) + seeds(5, dataset_sha256="e" * 64)
    assert derive(mixed) == []


def test_a_run_outside_the_old_band_counts_and_a_broken_one_does_not():
    outside = Check("test metric", False, "in the band", "out of it")
    broken = Check("parameter count", False, "1", "2")
    assert len(derive(seeds(10, checks=(outside,)))) == 1
    assert derive(seeds(10, checks=(broken,))) == []
