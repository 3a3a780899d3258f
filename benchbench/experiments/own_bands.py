"""Bands of a model of one's own: from the reference's runs, when somebody asks for them.

Who asks is `certify --outcome` with ten seeds or more: it trains the reference anyway. What is kept
in the cache judges later runs of the spec on the data exactly as a shipped band does.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchbench.certify.bands import FEWEST_SEEDS, find_band, keep_band, shipped_band
from benchbench.compare.derived_bands import derive_bands
from benchbench.experiments.listener import Listener
from benchbench.records import RunRecord


def keep_own_band(runs: Iterable[RunRecord], listener: Listener) -> None:
    """Keep the band of the reference's runs of one spec, unless there is as good a one."""
    for band in derive_bands(runs):
        if shipped_band(band.spec_sha256, band.dataset_sha256):
            continue
        known = find_band(band.spec_sha256, band.dataset_sha256)
        if known is not None and known.n > band.n:
            continue
        try:
            path = keep_band(band)
        except OSError as error:
            listener.note(f"warning: the band of {band.model} cannot be kept: {error}")
            continue
        listener.note(
            f"{band.model} on {band.dataset}: from now on a run is invalid whose losses or test "
            f"metric lie outside the band of these {band.n} seeds of the reference ({path})"
        )


def what_is_to_come(missing: int, seeds: int) -> str:
    """Say what is to be trained, and what it is for."""
    told = f"{missing} to train"
    if seeds >= FEWEST_SEEDS:
        told += "; those of the reference make the band by which later runs are judged"
    return told


def time_left(trained: Sequence[RunRecord], left: int) -> str:
    """Say how long the runs that are left will take, if they are like those so far; "" if unknown.

    The mean is over the latest runs of each backend: they come in turn.
    """
    seconds = [run.phases.total for run in trained if run.phases]
    if not seconds or not left:
        return ""
    minutes = statistics.fmean(seconds) * left / 60
    return f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"
