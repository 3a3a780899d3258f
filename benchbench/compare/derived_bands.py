"""Bands from records: one for each spec and data set of which there are seeds enough."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from benchbench.certify.bands import FEWEST_SEEDS, Band, LogLosses, mean_and_sd
from benchbench.compare.accuracy import counted_metric
from benchbench.compare.metrics import metric_name
from benchbench.records import RunRecord


def derive_bands(records: Iterable[RunRecord]) -> list[Band]:
    """Return a band for each (spec, data set) with enough seeds, sorted by data set and model.

    A seed counts once: runs of one seed share their first weights, and so most of what tells their
    losses from those of other seeds. Of several the first that is given counts. A run that an older
    band found invalid counts as well, else a band could never move.
    """
    seeds: dict[tuple[str, str], dict[int, RunRecord]] = {}
    for record in records:
        if counted_metric(record) is not None and record.dataset_sha256 is not None:
            key = record.spec_sha256, record.dataset_sha256
            seeds.setdefault(key, {}).setdefault(record.seed, record)
    bands = [_band(list(runs.values())) for runs in seeds.values() if len(runs) >= FEWEST_SEEDS]
    return sorted(bands, key=lambda band: (band.dataset, band.model))


def _band(runs: Sequence[RunRecord]) -> Band:
    """Return the band of runs of one spec and data set, a seed each."""
    one = runs[0]
    values = [counted_metric(run) for run in runs]
    mean, sd = mean_and_sd([value for value in values if value is not None])
    epochs = range(one.protocol.epochs)
    return Band(
        model=one.model,
        dataset=one.dataset,
        spec_sha256=one.spec_sha256,
        dataset_sha256=one.dataset_sha256 or "",
        mean=round(mean, 6),
        sd=round(sd, 6),
        n=len(runs),
        backends=tuple(sorted({run.backend for run in runs})),
        metric=metric_name(one),
        training_loss=_log_losses([[run.epochs[i].loss for run in runs] for i in epochs]),
        validation_loss=_log_losses(
            [[run.epochs[i].validation_loss for run in runs] for i in epochs]
        ),
        test_loss=_log_losses([[run.test.loss if run.test else None for run in runs]]),
    )


def _log_losses(by_epoch: Sequence[Sequence[float | None]]) -> LogLosses | None:
    """Return mean and deviation of the logarithms, epoch by epoch, over the same seeds."""
    found = []
    for losses in by_epoch:
        known = [loss for loss in losses if loss is not None and loss > 0]
        if len(known) < len(losses):
            return None
        found.append(mean_and_sd([math.log(loss) for loss in known]))
    means, sds = zip(*found, strict=True)
    return LogLosses(tuple(round(one, 5) for one in means), tuple(round(one, 5) for one in sds))
