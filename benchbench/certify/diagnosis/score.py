"""What a differing loss or accuracy looks like."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benchbench.plugins.contract import Score

# What a clamped probability costs at most: -log(1e-7), Keras's clamp.
_CLAMPED_COST = 16.2


def of_score(
    expected: Score,
    observed: Score,
    count: int,
    *,
    short: bool,
    suspected: Iterable[tuple[str, Score]] = (),
) -> str:
    """Say what a differing loss or accuracy looks like.

    `short`: the last batch was a short one. `suspected`: the scores that mistakes would give.
    """
    told = (
        f"loss {observed.loss:.6g} for {expected.loss:.6g}, "
        f"accuracy {observed.metric:.4f} for {expected.metric:.4f} of {count} samples"
    )
    if not math.isfinite(observed.loss):
        return f"{told}: the loss is not finite"
    for words, score in suspected:
        near = abs(observed.loss - score.loss) < 0.02 * abs(observed.loss - expected.loss)
        if near and abs(observed.metric - score.metric) * count < 0.5:
            return f"{told}: it is so where {words}"
    if short:
        return (
            f"{told}: is the short last batch left out, or counted as much as a whole one? Or are "
            f"they the scores of older weights?"
        )
    if abs(observed.metric - expected.metric) * count < 0.5:
        return f"{told}: the accuracy is right: {_of_loss(expected.loss, observed.loss, count)}"
    if abs(observed.loss - expected.loss) < 1e-4 * max(1.0, expected.loss):
        return f"{told}: the loss is right: look at how right predictions are counted"
    return f"{told}: look at the labels, and at whether all samples are counted, each once"


def _of_loss(expected: float, observed: float, count: int) -> str:
    if not expected or not observed:
        return "a loss of exactly 0: is it computed at all, and from these labels?"
    if abs(observed / expected / count - 1) < 1e-4:
        return "the loss is summed over the samples, not averaged"
    share = expected / observed
    if round(share) > 1 and abs(share - round(share)) < 1e-3:
        return f"the loss is divided by {share:.0f}: by the number of classes, too?"
    if expected > 5 and observed < min(expected, _CLAMPED_COST):
        return (
            "are probabilities clamped? To [1e-7, 1 - 1e-7], the default of Keras's cross-entropy "
            "unless from_logits=True, none costs over 16.1 nats"
        )
    return (
        "look at the labels (off, smoothed), at what the loss is given (logits or probabilities; "
        "is the softmax taken twice?), and at penalties added to it"
    )
