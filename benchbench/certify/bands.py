"""Bands: what test metric one run must reach, no less and no more.

A band is measured by this tool over many seeds and kept in `bands.toml` beside this file, with its
mean, standard deviation, number of seeds and the commands that made it. It belongs to one spec and
one content of a data set, by hash: no other run is judged by it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Annotated

import msgspec

from benchbench.spec.losses import ACCURACY, MEAN_ABSOLUTE_ERROR

# A correct run falls outside its band once in a thousand.
_FALSE_ALARM = 0.001
FEWEST_SEEDS = 10


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Test accuracies, or other metrics, over `n` seeds of one model, protocol and data set."""

    model: str
    dataset: str
    spec_sha256: str
    dataset_sha256: str
    mean: float
    sd: float
    n: Annotated[int, msgspec.Meta(ge=FEWEST_SEEDS)]
    backends: tuple[str, ...]
    metric: str = ACCURACY.name

    @property
    def limits(self) -> tuple[float, float]:
        """The two-sided prediction interval for one more seed.

        mean +- t * sd * sqrt(1 + 1/n), t the quantile of Student's distribution with n - 1 degrees
        of freedom, at a false-alarm rate of 0.1 %. Source: Hahn and Meeker, "Statistical
        Intervals", 1991, section 4.7 (one future observation of a normal distribution).
        """
        from scipy import special

        quantile = float(special.stdtrit(self.n - 1, 1 - _FALSE_ALARM / 2))
        half = quantile * self.sd * math.sqrt(1 + 1 / self.n)
        most = 1.0 if self.metric != MEAN_ABSOLUTE_ERROR.name else math.inf
        return max(self.mean - half, 0.0), min(self.mean + half, most)


class _Bands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    band: tuple[Band, ...] = ()


def find_band(spec_sha256: str, dataset_sha256: str) -> Band | None:
    """Return the band measured for exactly this spec and this data, or None."""
    for band in all_bands():
        if (band.spec_sha256, band.dataset_sha256) == (spec_sha256, dataset_sha256):
            return band
    return None


@cache
def all_bands() -> tuple[Band, ...]:
    """Return every band there is."""
    text = resources.files("benchbench.certify").joinpath("bands.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Bands).band


def mean_and_sd(accuracies: Sequence[float]) -> tuple[float, float]:
    """Return mean and sample standard deviation. Raises ValueError for fewer than ten."""
    if len(accuracies) < FEWEST_SEEDS:
        raise ValueError(f"a band needs {FEWEST_SEEDS} seeds or more, not {len(accuracies)}")
    return statistics.fmean(accuracies), statistics.stdev(accuracies)
