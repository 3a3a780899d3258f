"""One cell by itself: its times, whatever it is compared with."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from benchbench.compare.contrast import CellName, cold_total_seconds, first_epoch_seconds
from benchbench.compare.estimate import block_medians, ends, estimate
from benchbench.records import RunRecord, Stopping
from benchbench.spec.catalog import MODELS

Runs: TypeAlias = defaultdict[CellName, list[RunRecord]]


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took in the runs of a cell, in seconds.

    `seconds` is the geometric mean over blocks of each block's median; `low` and `high` are its
    confidence interval, null where there is one block. `least` and `greatest` are the range of all
    `value_count` values: no interval.
    """

    seconds: float
    low: float | None
    high: float | None
    least: float
    greatest: float
    value_count: int


def timing(
    blocks: Mapping[int, Sequence[float]], confidence: float, stopping: Stopping | None = None
) -> Timing | None:
    """Sum up seconds, given by block; None where there are none. `confidence` is a fraction."""
    known = {number: values for number, values in blocks.items() if values}
    if not known:
        return None
    logs = {number: [math.log(value) for value in values] for number, values in known.items()}
    low, high = ends(estimate(logs, stopping), confidence)
    values = [value for block in known.values() for value in block]
    return Timing(
        seconds=math.exp(float(block_medians(list(logs.values())).mean())),
        low=low,
        high=high,
        least=min(values),
        greatest=max(values),
        value_count=len(values),
    )


def steady_epochs(runs: Sequence[RunRecord], confidence: float = 0.95) -> Timing | None:
    """Sum up the training of the second and later epochs of runs of one cell and session."""
    return _timing(runs, confidence, lambda run: [epoch.train_seconds for epoch in run.epochs[1:]])


def first_epochs(runs: Sequence[RunRecord], confidence: float = 0.95) -> Timing | None:
    """Sum up the training of the first epochs: with compilation and transfer."""
    return _timing(runs, confidence, lambda run: [first_epoch_seconds(run)])


def cold_totals(runs: Sequence[RunRecord], confidence: float = 0.95) -> Timing | None:
    """Sum up the seconds from process start to result, without waiting for other workers."""
    return _timing(runs, confidence, lambda run: [cold_total_seconds(run)])


def machine_name(record: RunRecord) -> str:
    """Name the machine as far as speed depends on it: processor, cores, quota, card."""
    machine = record.machine
    quota = (f"CPU quota {machine.cpu_quota:g}",) if machine.cpu_quota else ()
    cards = (str(record.card),) if record.card else machine.accelerators
    parts = (f"{machine.processor}, {machine.usable_cores} cores", *quota, *cards)
    return ", ".join(parts)


def model_order(name: str) -> tuple[int, str]:
    """Return the key that sorts the catalog's models first, in its order, and others by name."""
    catalog = list(MODELS)
    return (catalog.index(name) if name in catalog else len(catalog), name)


def _timing(
    runs: Sequence[RunRecord],
    confidence: float,
    measure: Callable[[RunRecord], Sequence[float | None]],
) -> Timing | None:
    blocks: defaultdict[int, list[float]] = defaultdict(list)
    for run in runs:
        blocks[run.block] += [value for value in measure(run) if value is not None and value > 0]
    # The conductor gives all runs of a session the same.
    return timing(blocks, confidence, runs[0].stopping if runs else None)
