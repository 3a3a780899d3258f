"""Are the losses of runs those of right training? A run's own, and the mean over the blocks."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.certify.bands import Band, find_band
from benchbench.certify.loss_bands import losses_of, stray_losses, told
from benchbench.records import RunRecord


def stray_run(run: RunRecord) -> str | None:
    """Say which losses of a run lie outside its band; None if none does, or there is no band."""
    return _told([run], _band(run))


def stray_mean(runs: Sequence[RunRecord]) -> str | None:
    """Say which mean loss over runs of one cell lies outside the band; None if none does.

    A mean over blocks is narrower than a run: a difference that no run shows alone is seen here. Of
    several runs of one seed the first counts.
    """
    by_seed = {run.seed: run for run in reversed(runs)}
    band = _band(runs[0]) if len(by_seed) > 1 else None
    if why := _told(list(by_seed.values()), band):
        return f"its mean losses over {len(by_seed)} blocks are not those of right training: {why}"
    return None


def _band(run: RunRecord) -> Band | None:
    return find_band(run.spec_sha256, run.dataset_sha256) if run.dataset_sha256 else None


def _told(runs: Sequence[RunRecord], band: Band | None) -> str | None:
    if band is None:
        return None
    losses = [losses_of(run.epochs, run.test.loss if run.test else None) for run in runs]
    strays = stray_losses(band, losses)
    if not strays:
        return None
    expected, found = told(strays, band)
    return f"expected {expected}, got {found}"
