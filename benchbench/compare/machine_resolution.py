"""What so many machines, with so many blocks each, can tell apart: before they are run."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np

from benchbench.compare.contrast import Question
from benchbench.compare.poolable import LEAST_PREDICTED
from benchbench.compare.random_effects import RandomEffects

# Numbers of machines, and standard deviations of their true log-ratios, that are told of.
MACHINES = (5, 10, 20)
BETWEEN = (0.0, 0.01, 0.02, 0.05)
_POWER = 0.8
# Of the scatters that may be seen, so many stand for all: between machines, and of blocks.
_BETWEEN_POINTS, _WITHIN_POINTS = 11, 3


class MachineResolution(msgspec.Struct, frozen=True, kw_only=True):
    """So many machines of a kind, whose true log-ratios scatter by `between`.

    `smallest_slowdown`, a fraction, would come out SLOWER on machines like these in four cases of
    five.
    """

    machines: int
    between: float
    smallest_slowdown: float


def resolve_machines(
    within: float,
    blocks: int,
    question: Question,
    machines: int = 1,
    between: float | None = None,
) -> tuple[MachineResolution, ...]:
    """Return what several machines can tell apart at this scatter of blocks.

    Where `machines` were measured, also what so many can, and by how much they differ.
    """
    counts = {*MACHINES, machines} if machines >= LEAST_PREDICTED else MACHINES
    betweens = BETWEEN if between is None else {*BETWEEN, round(between, 3)}
    return tuple(
        MachineResolution(
            machines=count,
            between=tau,
            smallest_slowdown=smallest_slowdown_on_machines(
                machines=count, blocks=blocks, within=within, between=tau, question=question
            ),
        )
        for count, tau in itertools.product(sorted(counts), sorted(betweens))
    )


def smallest_slowdown_on_machines(
    *, machines: int, blocks: int, within: float, between: float, question: Question
) -> float:
    """Return the slow-down of the middle machine that is found in four fleets of five.

    The verdict depends on the mean and the two sums of squares, which are independent: normal and
    chi squared. The reach of the prediction interval is worked out for a grid of the two sums.
    Source: any text on the power of the analysis of variance, such as Searle, Casella and
    McCulloch, "Variance Components" (1992), chapter 3.
    """
    from scipy import special

    freedom = machines * (blocks - 1)
    variance = between**2 + within**2 / blocks
    reaches = np.array(
        [
            _reach(machines, variance * seen, within**2 / blocks * scatter, freedom, question)
            for seen in _mean_squares(machines - 1, _BETWEEN_POINTS)
            for scatter in _mean_squares(freedom, _WITHIN_POINTS)
        ]
    )
    error = max(math.sqrt(variance / machines), 1e-12)

    def power(log_ratio: float) -> float:
        distances = log_ratio - question.log_margin - reaches
        return float(special.ndtr(distances / error).mean())

    low, high = question.log_margin, question.log_margin + float(reaches.max()) + 10 * error
    for _ in range(60):
        middle = (low + high) / 2
        if power(middle) < _POWER:
            low = middle
        else:
            high = middle
    return math.expm1(high)


def _reach(
    machines: int, mean_square: float, variance: float, freedom: int, question: Question
) -> float:
    """Return how far the prediction interval reaches from the mean, of machines that scatter so."""
    pattern = np.arange(machines, dtype=np.float64)
    pattern = (pattern - pattern.mean()) / pattern.std(ddof=1)
    effects = RandomEffects(
        math.sqrt(mean_square) * pattern, np.full(machines, variance), float(freedom)
    )
    return effects.prediction.interval(question.confidence)[1]


def _mean_squares(freedom: int, points: int) -> list[float]:
    """Return mean squares, of expectation 1, that stand for all as often as they come."""
    from scipy import special

    chances = (np.arange(points) + 0.5) / points
    found: list[float] = (2 * special.gammaincinv(freedom / 2, chances) / freedom).tolist()
    return found
