"""Networks whose gradients are differences of what is nearly alike: attention, recurrent layers.

The derivative of a softmax is such a difference, and of one that is nothing but rounding Adam makes
whole steps. A nudge of the weights does not show it: all places are nudged alike. So the reference
goes through a program in float32 as well, by its own code, and a draw on which that is far from its
float64 is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import (
    Exercise,
    Program,
    float32_rounding,
    relative_difference,
)
from benchbench.certify.rows import Row
from benchbench.spec.layers import GRU, LSTM, MultiHeadAttention
from benchbench.spec.model import ModelSpec

Flags = npt.NDArray[np.bool_]


def is_delicate(model: ModelSpec) -> bool:
    """Say whether a layer of the network has such a derivative."""
    return any(isinstance(leaf.layer, MultiHeadAttention | LSTM | GRU) for leaf in model.leaves())


def beyond_rounding(
    exercise: Exercise, program: Program, before: Row, expected: Row, observed: Row
) -> Row:
    """Return how far an update is off, less what float32 rounds the weights by."""
    rounding = program.steps * roundings(exercise) * float32_rounding(before + expected)
    beyond: Row = np.maximum(np.abs(observed - expected) - rounding, 0)
    return beyond


def roundings(exercise: Exercise) -> int:
    """Return how often a step rounds the weights: as it decays them, and as it moves them."""
    return 1 + (getattr(exercise.protocol.optimizer, "weight_decay", 0.0) > 0)


def rounded_share(exercise: Exercise, before: Row, rows: Iterable[Row], counts: Flags) -> float:
    """Return how far float32 takes weights by rounding them at each step, relative to their change.

    `rows` are the weights after each epoch of the long program. Roundings of either sign add up as
    the root of their number.
    """
    steps = roundings(exercise) * exercise.long.steps // exercise.long.epochs
    return max(
        (
            math.sqrt(epoch * steps)
            * relative_difference(
                (row - before)[counts] + float32_rounding(row)[counts], (row - before)[counts]
            )
            for epoch, row in enumerate(rows, 1)
            if (row != before)[counts].any()
        ),
        default=0.0,
    )
