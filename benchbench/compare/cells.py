"""One cell by itself: its times, whatever it is compared with."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from benchbench.compare.contrast import (
    CellName,
    Question,
    cell_name,
    cold_total_seconds,
    first_epoch_seconds,
)
from benchbench.compare.estimate import block_medians, estimate
from benchbench.measure.noise import noise_marks
from benchbench.records import RunRecord, Stopping
from benchbench.spec.catalog import MODELS

Runs: TypeAlias = defaultdict[CellName, list[RunRecord]]


class CellTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long a cell took, in seconds.

    `steady_epoch_seconds` is the middle over blocks of each block's median of its second and later
    epochs, with its interval where there are two blocks. `noisy_epochs` counts the epochs that
    something else may have disturbed: marked, never dropped.
    """

    model: str
    cell: CellName
    run_count: int
    steady_epoch_seconds: float | None
    steady_low: float | None
    steady_high: float | None
    first_epoch_seconds: float | None
    cold_total_seconds: float | None
    epoch_count: int
    noisy_epochs: int


def cell_time(
    runs: Sequence[RunRecord], question: Question, usual_calibration_seconds: float | None
) -> CellTime:
    """Sum up the runs of one cell in one session; those that failed give no times."""
    well = [run for run in runs if run.status == "ok"]
    steady = {
        run.block: [math.log(epoch.train_seconds) for epoch in run.epochs[1:]]
        for run in well
        if len(run.epochs) > 1
    }
    middle, low, high = _middle(steady, question, runs[0].stopping)
    marked = [
        len({mark.epoch for mark in noise_marks(run, usual_calibration_seconds)}) for run in well
    ]
    return CellTime(
        model=runs[0].model,
        cell=cell_name(runs[0]),
        run_count=len(well),
        steady_epoch_seconds=middle,
        steady_low=low,
        steady_high=high,
        first_epoch_seconds=_median([first_epoch_seconds(run) for run in well]),
        cold_total_seconds=_median([cold_total_seconds(run) for run in well]),
        epoch_count=sum(len(run.epochs) for run in well),
        noisy_epochs=sum(marked),
    )


def machine_name(record: RunRecord) -> str:
    """Name the machine as far as speed depends on it: processor, cores, accelerators."""
    machine = record.machine
    parts = (f"{machine.processor}, {machine.usable_cores} cores", *machine.accelerators)
    return ", ".join(parts)


def model_order(name: str) -> tuple[int, str]:
    """Return the key that sorts the catalog's models first, in its order, and others by name."""
    catalog = list(MODELS)
    return (catalog.index(name) if name in catalog else len(catalog), name)


def _middle(
    blocks: Mapping[int, Sequence[float]], question: Question, stopping: Stopping | None
) -> tuple[float | None, float | None, float | None]:
    """Return the middle of log-seconds and its interval, in seconds; None where unknown."""
    if not blocks:
        return None, None, None
    found = estimate(blocks, stopping)
    interval = found.interval(question.confidence) if found else None
    low, high = (math.exp(end) for end in interval) if interval else (None, None)
    return math.exp(float(block_medians(list(blocks.values())).mean())), low, high


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
