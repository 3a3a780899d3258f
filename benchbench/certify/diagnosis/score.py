"""What a differing loss or metric looks like."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benchbench.certify.metrics import same_metric
from benchbench.plugins.contract import Score
from benchbench.spec.losses import MEAN_ABSOLUTE_ERROR
from benchbench.spec.task import Task

# What a clamped probability costs at most: -log(1e-7), Keras's clamp.
_CLAMPED_COST = 16.2
# A mistake is told where it leaves this share of the difference, or less.
_LEFT = 0.02


def of_score(
    expected: Score,
    observed: Score,
    count: int,
    *,
    task: Task,
    short: bool,
    suspected: Iterable[tuple[str, Score]] = (),
    mistaken: Iterable[tuple[str, float]] = (),
) -> str:
    """Say what a differing loss or metric, of `count` decisions, looks like.

    `short`: the last batch was a short one. `suspected`: the scores that mistakes of an evaluation
    would give; `mistaken`: the losses that mistakes of a loss would give.
    """
    name = task.metric.name
    told = (
        f"loss {observed.loss:.6g} for {expected.loss:.6g}, "
        f"{name} {observed.metric:.4f} for {expected.metric:.4f} of {count} {_decisions(task)}"
    )
    if not math.isfinite(observed.loss):
        return f"{told}: the loss is not finite"
    for words, score in suspected:
        near = _near(observed.loss, score.loss, expected.loss)
        if near and same_metric(task, score.metric, observed.metric, count):
            return f"{told}: it is so where {words}"
    if short:
        return (
            f"{told}: is the short last batch left out, or counted as much as a whole one? Or are "
            f"they the scores of older weights?"
        )
    if same_metric(task, expected.metric, observed.metric, count):
        mistake = next(
            (words for words, loss in mistaken if _near(observed.loss, loss, expected.loss)), None
        )
        looks = mistake or _of_loss(expected.loss, observed.loss, count, task)
        return f"{told}: the {name} is right: {looks}"
    if abs(observed.loss - expected.loss) < 1e-4 * max(1.0, expected.loss):
        return f"{told}: the loss is right: look at how right predictions are counted"
    return f"{told}: look at the targets, and at whether all samples are counted, each once"


def _near(observed: float, suspected: float, expected: float) -> bool:
    return abs(observed - suspected) < _LEFT * abs(observed - expected)


def _decisions(task: Task) -> str:
    if task.metric == MEAN_ABSOLUTE_ERROR:
        return "values"
    return "outputs" if task.classes is None else "samples" if not task.target_shape else "steps"


def _of_loss(expected: float, observed: float, count: int, task: Task) -> str:
    if not expected or not observed:
        return "a loss of exactly 0: is it computed at all, and from these targets?"
    if abs(observed / expected / count - 1) < 1e-4:
        return "the loss is summed over the samples, not averaged"
    share = expected / observed
    if round(share) > 1 and abs(share - round(share)) < 1e-3:
        return f"the loss is divided by {share:.0f}: by the number of {_many(task)}, too?"
    if task.metric == MEAN_ABSOLUTE_ERROR:
        return (
            "look at the targets (scaled, in another order), at the formula (squared, absolute, "
            "Huber's), and at penalties added to it"
        )
    if expected > 5 and observed < min(expected, _CLAMPED_COST):
        return (
            "are probabilities clamped? To [1e-7, 1 - 1e-7], the default of Keras's cross-entropy "
            "unless from_logits=True, none costs over 16.1 nats"
        )
    return (
        "look at the targets (off, smoothed), at what the loss is given (logits or probabilities; "
        "is the softmax taken twice?), and at penalties added to it"
    )


def _many(task: Task) -> str:
    return "classes" if task.classes else "outputs"
