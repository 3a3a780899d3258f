"""Bands: what test metric and what losses a run must reach, no less and no more.

A band is measured by this tool over many seeds and kept in `bands.toml` beside this file, with its
mean, standard deviation, number of seeds and the commands that made it; that of a model of one's
own is kept in the cache. It belongs to one spec and one content of a data set, by hash: no other
run is judged by it. `loss_bands` says where losses must lie.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from benchbench.data.cache import cache_folder, store
from benchbench.files import read_file
from benchbench.spec.losses import ACCURACY, MEAN_ABSOLUTE_ERROR

# A correct run falls outside its band once in a thousand.
_FALSE_ALARM = 0.001
FEWEST_SEEDS = 10


class LogLosses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mean and sample standard deviation over seeds of the natural logarithm of a loss, by epoch.

    The test loss has one entry.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Test accuracies, or other metrics, and losses over `n` seeds of one spec and data set.

    Losses are null where a seed had one that is not above zero, or that is unknown.
    """

    model: str
    dataset: str
    spec_sha256: str
    dataset_sha256: str
    mean: float
    sd: float
    n: Annotated[int, msgspec.Meta(ge=FEWEST_SEEDS)]
    backends: tuple[str, ...]
    metric: str = ACCURACY.name
    training_loss: LogLosses | None = None
    validation_loss: LogLosses | None = None
    test_loss: LogLosses | None = None

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
    """Return the band measured for exactly this spec and this data, shipped or kept; or None."""
    shipped = shipped_band(spec_sha256, dataset_sha256)
    return shipped or _kept_band(_kept_at(spec_sha256, dataset_sha256), spec_sha256, dataset_sha256)


def shipped_band(spec_sha256: str, dataset_sha256: str) -> Band | None:
    """Return the band of `bands.toml` for this spec and this data, or None."""
    for band in all_bands():
        if (band.spec_sha256, band.dataset_sha256) == (spec_sha256, dataset_sha256):
            return band
    return None


@cache
def all_bands() -> tuple[Band, ...]:
    """Return every band that is shipped."""
    text = resources.files("benchbench.certify").joinpath("bands.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Bands).band


def keep_band(band: Band) -> Path:
    """Keep the band of a model of one's own in the cache; return the file. Raises OSError."""
    path = _kept_at(band.spec_sha256, band.dataset_sha256)
    store(path.parent, {path.name: as_toml([band]).encode()})
    _kept_band.cache_clear()
    return path


def as_toml(bands: Sequence[Band]) -> str:
    """Return bands as `bands.toml` has them: a line a field, a list in one line."""
    lines = []
    for band in bands:
        lines.append("[[band]]")
        # What JSON writes of words, numbers and lists of them, TOML reads.
        for name, value in msgspec.to_builtins(band).items():
            if isinstance(value, dict):
                lines += [f"{name}.{key} = {json.dumps(inner)}" for key, inner in value.items()]
            else:
                lines.append(f"{name} = {json.dumps(value)}")
        lines.append("")
    return "\n".join(lines)


def mean_and_sd(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and sample standard deviation. Raises ValueError for fewer than ten."""
    if len(values) < FEWEST_SEEDS:
        raise ValueError(f"a band needs {FEWEST_SEEDS} seeds or more, not {len(values)}")
    return statistics.fmean(values), statistics.stdev(values)


@lru_cache(maxsize=512)  # the thousands of runs of a session have a few specs
def _kept_band(path: Path, spec_sha256: str, dataset_sha256: str) -> Band | None:
    """Return the band in the cache; None where there is none, or none that can be read."""
    with suppress(OSError, msgspec.MsgspecError, ValueError):
        text = read_file(path)
        (band,) = msgspec.toml.decode(text, type=_Bands).band
        if (band.spec_sha256, band.dataset_sha256) == (spec_sha256, dataset_sha256):
            return band
    return None


def _kept_at(spec_sha256: str, dataset_sha256: str) -> Path:
    return cache_folder("bands") / f"{spec_sha256[:16]}-{dataset_sha256[:16]}.toml"
