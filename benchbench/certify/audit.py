"""Is what was timed what was proved? The reference repeats epochs of a run and compares weights.

The reference computes in float32 here, as the run did: half the time, and by how far a nudge of
some roundings takes it is known how far two right runs may part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.audits import AuditedEpoch
from benchbench.certify.delicate import is_delicate, roundings
from benchbench.certify.dropout import rates_of
from benchbench.certify.exercise import Exercise, float32_rounding, relative_difference
from benchbench.certify.implementation import Implementation
from benchbench.certify.nudges import RATE_NUDGE, nudged
from benchbench.certify.order import shared
from benchbench.certify.reference import Reference
from benchbench.certify.replay import Course, replay
from benchbench.certify.rows import Arrays, Row
from benchbench.certify.rules import mask
from benchbench.certify.rungs import THREE_EPOCHS, Limit, finite, limit_of
from benchbench.certify.stated_order import Order, steps_of
from benchbench.certify.tolerances import MARGIN, is_smooth
from benchbench.plugins.contract import Backend
from benchbench.spec.layers import Dense, Flatten
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

Flags = npt.NDArray[np.bool_]

# What the float32 reference does on one core, roughly: in products of matrices alone, and in the
# layers that do other things too. An epoch of MNIST took 2.9 s of two-layer, 15 s of simple-cnn.
_FLOPS_PER_SECOND = 4e9
_FLOPS_PER_SECOND_DENSE = 2.5e10
_PARAMETERS_PER_SECOND = 4e8
# As it is; and nudged, where it is off by more than is allowed without asking.
_TIMES = 3
# Of ReLUs and maxima a nudge is one draw of many that lie far apart: right runs of two-layer were
# seen to part by 3.7 times as much as two nudges in 38 steps, in one of 16 epochs.
_CHAOTIC_MARGIN = 4 * MARGIN
# Beyond this nothing can be said: half of the steps left out differ by as much.
_TELLS_NOTHING = 0.25


def epochs_within(
    model: ModelSpec, protocol: TrainingProtocol, samples: int, seconds: float
) -> float:
    """Return how many epochs of so many samples the reference repeats in that time, roughly."""
    steps = math.ceil(samples / protocol.batch_size)
    dense = all(isinstance(leaf.layer, Flatten | Dense) for leaf in model.leaves())
    rate = _FLOPS_PER_SECOND_DENSE if dense else _FLOPS_PER_SECOND
    work = model.training_flops * samples / rate
    work += steps * model.parameter_count / _PARAMETERS_PER_SECOND
    return seconds / (work * (1 if is_smooth(model) else _TIMES))


def why_never(model: ModelSpec) -> str | None:
    """Return why no run of this model can be repeated; None where it can."""
    if rates_of(model):
        return "it has dropout, and the reference cannot draw the same masks"
    return None


def what_orders_share(orders: Sequence[Order], targets: npt.NDArray[Any], size: int) -> str:
    """Return what the stated orders should not have in common; empty where that is nothing."""
    if not orders or len(targets) <= size:
        return ""  # one batch an epoch: its order is nothing
    labels = targets if targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer) else None
    found = shared([steps_of(order, size) for order in orders], labels)
    return next((f"in the order that the backend states, {one.words}" for one in found), "")


def compared(
    backend: Backend, course: Course, *, seed: int, check: Callable[[], None]
) -> Iterator[AuditedEpoch]:
    """Yield each epoch of a run beside that of the reference: `numpy-float64`, in float32.

    Ends before an epoch of which a rounding makes another, if it is not off by more. Raises what
    `check` raises.
    """
    exercise = Exercise(course.model, course.protocol, seed)
    reference = Reference(Implementation(backend), exercise)
    counts = reference.counted(exercise.long)
    trained = counts & mask(course.model, lambda variable: variable.trainable).astype(np.bool_)
    rounded = getattr(backend, "rounded", lambda: backend)()

    def repeat(direction: int = 0, rate: float = 1.0) -> list[Row]:
        def nudge(arrays: Arrays) -> Arrays:
            return dict(nudged(arrays))[direction] if direction else arrays

        return replay(rounded, course, nudge=nudge, rate=rate, check=check)

    expected, observed = repeat(), course.changes()
    differences = [
        _difference(*both, counts, trained) for both in zip(observed, expected, strict=True)
    ]
    limits = [_limit(exercise, course, number, counts) for number in range(len(expected))]
    if any(not off <= limit.tolerance for off, limit in zip(differences, limits, strict=True)):
        others = [repeat(1), repeat(-1, 1 + RATE_NUDGE)]
        for number, limit in enumerate(limits):
            moved = max(
                _difference(other[number], expected[number], counts, trained) for other in others
            )
            if not differences[number] <= limit.tolerance:
                limits[number] = _nudged_limit(limit, course.model, moved)
    for number, (off, limit) in enumerate(zip(differences, limits, strict=True), 1):
        if limit.tolerance > _TELLS_NOTHING and off <= limit.tolerance:
            return
        yield AuditedEpoch(number, finite(off), limit.tolerance)


def _nudged_limit(limit: Limit, model: ModelSpec, moved: float) -> Limit:
    """Return the limit of an epoch that a nudge of the reference's own moves by `moved`."""
    tame = is_smooth(model) and not is_delicate(model)
    margin = MARGIN if tame else _CHAOTIC_MARGIN
    if margin * moved <= limit.tolerance:
        return limit
    return Limit(margin * moved, f"{margin} x the reference's own, nudged by roundings")


def _difference(observed: Row, expected: Row, counts: Flags, trained: Flags) -> float:
    """Return how far a change is off, relative: of what is trained, or with the state."""
    parts = (counts, trained) if (counts != trained).any() else (counts,)
    return max(relative_difference(observed[part], expected[part]) for part in parts)


def _limit(exercise: Exercise, course: Course, number: int, counts: Flags) -> Limit:
    """Return what is allowed without asking the reference: that of three epochs, or roundings."""
    limit = limit_of(THREE_EPOCHS, course.model)
    change, row = course.changes()[number][counts], course.rows[number].astype(np.float64)[counts]
    steps = math.ceil(len(course.train) / course.protocol.batch_size) * roundings(exercise)
    if not change.any():
        return limit
    share = np.linalg.norm(float32_rounding(row)) / np.linalg.norm(change)
    rounded = MARGIN * math.sqrt(steps) * float(share)
    if rounded <= limit.tolerance:
        return limit
    return Limit(rounded, f"{MARGIN} x what float32 rounds the weights by")
