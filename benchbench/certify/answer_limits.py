"""How far answers may be off where a network's own hang on roundings: deep, with large weights."""

from __future__ import annotations

from collections.abc import Callable

from benchbench.certify.exercise import relative_difference
from benchbench.certify.metrics import loss_difference
from benchbench.certify.nudges import nudged
from benchbench.certify.reference import Reference
from benchbench.certify.rows import Arrays
from benchbench.certify.rungs import Limit
from benchbench.certify.tolerances import MARGIN
from benchbench.data.dataset import Split
from benchbench.errors import Unsupported
from benchbench.spec.task import Task

# Right implementations part by this many times what a nudge moves the reference's answers, at most.
_TIMES = 4 * MARGIN
# Of a network whose answers a nudge moves by more, right ones and wrong ones look alike.
_MOST = 1e-3


def answer_limit(difference: float, limit: Limit, moved: Callable[[], float]) -> Limit | None:
    """Return what is allowed where the network's answers hang on roundings; None for the limit.

    `moved()` is how far a nudge moves the reference's answer; it is asked where `difference` is
    beyond the limit alone. Raises Unsupported where no answer could be told from another.
    """
    if difference <= limit.tolerance:
        return None
    size = moved()
    own = _TIMES * size
    if own <= limit.tolerance:
        return None
    if difference <= own and size > _MOST:
        raise Unsupported(
            f"no certificate can be made of this model: a rounding of its weights moves the "
            f"reference's own answers by {size:.1e}; so many layers leave float32 no digits"
        )
    return Limit(own, f"{_TIMES} x the reference's own, nudged by roundings")


def moved_predictions(reference: Reference, weights: Arrays, split: Split) -> float:
    """Return how far a nudge moves the reference's predictions, relative to their size."""
    expected = reference.predict(weights, split.inputs)
    return max(
        relative_difference(reference.predict(other, split.inputs), expected)
        for _, other in nudged(weights)
    )


def moved_loss(reference: Reference, weights: Arrays, split: Split, task: Task) -> float:
    """Return how far a nudge moves the reference's loss."""
    expected = reference.evaluate(weights, split).loss
    return max(
        loss_difference(task, expected, reference.evaluate(other, split).loss)
        for _, other in nudged(weights)
    )
