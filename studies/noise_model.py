"""A model of a machine's noise, fitted to recorded epochs of a backend beside itself.

The noise of a log-time is a drift (a random walk over turns), a process's own effect (normal), an
epoch's own (Student's t, heavy-tailed), and bursts (now and then, exponential, to the slow side).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchbench.records import RunRecord
from benchbench.run.store import read

DEGREES = (2.5, 3, 4, 5, 8, 30)


@dataclass(frozen=True)
class Noise:
    """Standard deviations of log-times: of the drift per turn, of a process, of an epoch.

    `degrees` are those of the epoch's Student t (`epoch_scale` is its scale); a burst comes with
    probability `burst_rate` and adds `burst_size` on average.
    """

    drift: float
    process: float
    epoch_scale: float
    degrees: float
    burst_rate: float
    burst_size: float


def series(folder: Path) -> list[np.ndarray]:
    """Return log-times (rounds, processes) of steady epochs, in the order of the turns, by block.

    Only of a backend beside itself, neither slowed down.
    """
    groups: dict[tuple[str, int], list[RunRecord]] = {}
    for record in read(folder)[0]:
        if record.status == "ok" and not (record.variant and record.variant.slowdown):
            groups.setdefault((record.session_id, record.block), []).append(record)
    blocks = []
    for runs in groups.values():
        if len(runs) < 2:
            continue
        rounds = []
        for epochs in zip(*(run.epochs[1:] for run in runs), strict=True):
            rounds.append([math.log(epoch.train_seconds) for epoch in epochs])
        blocks.append(np.array(rounds))
    return blocks


def fit(recorded: list[list[np.ndarray]]) -> Noise:
    """Fit the model by moments that few wild epochs do not move: medians of squares."""
    blocks = [block for folder in recorded for block in folder]
    if not blocks:
        raise SystemExit(
            "no block with a backend beside itself: make some with `benchbench selftest`"
        )
    # Side by side in one round the drift is nearly the same: what is left is the epochs' own.
    beside = np.concatenate([block[:, 0] - block[:, 1] for block in blocks])
    own = [np.median(block[:, 0] - block[:, 1]) for block in blocks]
    rest = np.concatenate([d[:, 0] - d[:, 1] - m for d, m in zip(blocks, own, strict=True)])
    scale = _robust(rest) / math.sqrt(2)
    degrees = min(DEGREES, key=lambda one: abs(_tail(rest) - _t_tail(one)))
    burst = np.abs(rest) > 6 * _robust(rest)
    # Rounds apart: twice the epochs' own, and the drift of the turns between.
    lag = 5
    apart = np.concatenate([block[lag:, 0] - block[:-lag, 0] for block in blocks])
    turns = lag * blocks[0].shape[1]
    drift = math.sqrt(max(0.0, _robust(apart) ** 2 - 2 * scale**2) / turns)
    rounds = len(beside) / len(blocks)
    # A median of n values has pi / 2 times the variance of their mean.
    expected = math.pi / 2 * 2 * scale**2 / rounds
    process = math.sqrt(max(0.0, np.var(own, ddof=1) - expected) / 2)
    return Noise(
        drift=drift,
        process=process,
        epoch_scale=scale,
        degrees=degrees,
        burst_rate=float(burst.mean()) / 2,
        burst_size=float(np.abs(rest[burst]).mean()) if burst.any() else 0.0,
    )


def _robust(values: np.ndarray) -> float:
    """Return a standard deviation from the median of absolute deviations."""
    return float(stats.median_abs_deviation(values, scale="normal"))


def _tail(values: np.ndarray) -> float:
    """Return how far out the outer 5 % begin, in terms of the outer half."""
    outer, middle = np.quantile(np.abs(values - np.median(values)), [0.95, 0.5])
    return float(outer / middle)


def _t_tail(degrees: float) -> float:
    return float(stats.t.ppf(0.975, degrees) / stats.t.ppf(0.75, degrees))
