"""What a difference of weights, probabilities or scores looks like, in words one can act on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import Arrays, relative_difference
from benchbench.certify.suspects import Suspects, flattened_shape, in_order
from benchbench.certify.update_diagnosis import array_names, of_update
from benchbench.plugins.contract import Score
from benchbench.spec.model import ModelSpec
from benchbench.spec.variables import Shape

__all__ = ["array_names", "of_predictions", "of_returned", "of_score", "of_shapes", "of_update"]

Probabilities = npt.NDArray[Any]

# Rounding to 8 bits (bfloat16) or 11 (TF32, half) leaves relative differences about this large.
_LOW_PRECISION = (3e-5, 1e-2)
_MOST = 0.9
# What a clamped probability costs at most: -log(1e-7), Keras's clamp.
_CLAMPED_COST = 16.2


def of_shapes(model: ModelSpec, observed: Sequence[Shape]) -> str:
    """Say which of the arrays has another shape than the spec's."""
    expected = model.variable_shapes
    if len(observed) != len(expected):
        return (
            f"`variables` gives {len(observed)} arrays, the spec has {len(expected)}: "
            f"{', '.join(array_names(model))}"
        )
    wrong = [
        (f"the {name} is {theirs}, the spec's is {ours}", sorted(theirs) == sorted(ours))
        for name, ours, theirs in zip(array_names(model), expected, observed, strict=True)
        if ours != theirs
    ]
    told = "; ".join(words for words, _ in wrong)
    if all(turned for _, turned in wrong):
        return f"{told}: Dense kernels are (in, out), Conv2D kernels (height, width, in, out)"
    return f"{told}: look at padding, at pools that round up, and at the layout of kernels"


def of_returned(model: ModelSpec, given: Arrays, returned: Arrays, changed: Sequence[int]) -> str:
    """Say how the weights that came back differ from those that were given."""
    names = array_names(model)
    for index in changed:
        if np.array_equal(np.sort(given[index], axis=None), np.sort(returned[index], axis=None)):
            order = _flatten_order(model, index, given[index], returned[index])
            return f"the {names[index]} came back in another order: {order}"
    which = ", ".join(names[index] for index in changed)
    rounded = max(
        relative_difference(returned[index], given[index]) if np.any(given[index]) else math.inf
        for index in changed
    )
    if rounded < _LOW_PRECISION[1]:
        return (
            f"weights came back rounded, by {rounded:.1e}: {which}; are they kept in half or "
            f"bfloat16? They must be float32"
        )
    return f"other weights came back than were given: {which}; `set_variables` must take them all"


def _flatten_order(model: ModelSpec, index: int, ours: Any, theirs: Any) -> str:
    """Say whether a kernel's rows are in the order of another Flatten."""
    owners = [(trace, variable) for trace in model.trace() for variable in trace.variables]
    trace, variable = owners[index]
    shape = flattened_shape(model, trace)
    if shape and variable.role == "kernel":
        there = in_order(ours, shape, (2, 0, 1))
        back = ours[np.arange(len(ours)).reshape(shape).transpose(2, 0, 1).ravel()]
        if any(np.array_equal(theirs, one) for one in (there, back)):
            return (
                "its rows run over (channels, height, width), as another Flatten lays them out, "
                "not over (height, width, channels)"
            )
    return "a layout is mistaken"


def of_predictions(
    expected: Probabilities,
    observed: Probabilities,
    *,
    trained: bool,
    suspects: Suspects | None = None,
) -> str:
    """Say what differing probabilities look like; `trained`: of the trainer's own weights."""
    return (
        _improper(observed)
        or _rearranged(expected, observed)
        or _some_rows(expected, observed)
        or _mistaken(expected, observed, suspects)
        or _other_function(expected, observed, trained=trained)
    )


def _improper(observed: Probabilities) -> str | None:
    if not np.isfinite(observed).all():
        return "there are NaN or infinities among the probabilities"
    sums = observed.sum(axis=1)
    if np.abs(sums - 1).max() < 1e-3 and observed.min() >= 0:
        return None
    return (
        f"the rows are no probabilities (from {observed.min():.3g} to {observed.max():.3g}, with "
        f"sums from {sums.min():.3g} to {sums.max():.3g}): is the softmax missing?"
    )


def _rearranged(expected: Probabilities, observed: Probabilities) -> str | None:
    near = 0.01 * relative_difference(observed, expected)
    exponentials = np.exp(expected)
    twice = exponentials / exponentials.sum(axis=1, keepdims=True)
    if relative_difference(observed, twice) < near:
        return "the softmax is taken twice: this is the softmax of the reference's probabilities"
    if relative_difference(np.sort(observed, 1), np.sort(expected, 1)) < near:
        return "the same probabilities in another order of the classes"
    return None


def _some_rows(expected: Probabilities, observed: Probabilities) -> str | None:
    apart = np.linalg.norm(observed - expected, axis=1)
    wrong = np.flatnonzero(apart > 0.01 * relative_difference(observed, expected))
    if not 0 < len(wrong) < _MOST * len(observed):
        return None
    return (
        f"{len(wrong)} of {len(observed)} rows are wrong, from row {wrong[0]} to {wrong[-1]}, and "
        f"the others right: look at the batches in `predict`, the short one among them, and at "
        f"buffers that are used again"
    )


def _mistaken(
    expected: Probabilities, observed: Probabilities, suspects: Suspects | None
) -> str | None:
    guilty = suspects.guilty(expected, observed) if suspects else None
    return f"the reference predicts the same where {guilty}" if guilty else None


def _other_function(expected: Probabilities, observed: Probabilities, *, trained: bool) -> str:
    difference = relative_difference(observed, expected)
    if trained:
        return (
            f"off by {difference:.1e}: these are not the predictions of the weights that "
            f"`variables` gives after training: does `predict` keep older ones?"
        )
    if _LOW_PRECISION[0] < difference < _LOW_PRECISION[1]:
        return (
            f"a relative difference of {difference:.1e} spread over all samples: it looks like low "
            f"precision (TF32, bfloat16, half), or else like slightly other inputs or activations"
        )
    return (
        f"another function is computed, off by {difference:.1e}: look at pool, padding, "
        f"activation, bias and dropout, and at the order of Flatten, (height, width, channels)"
    )


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
        return "are probabilities clamped? To [1e-7, 1 - 1e-7] none costs over 16.1 nats"
    return (
        "look at the labels (off, smoothed), at what the loss is given (logits or probabilities; "
        "is the softmax taken twice?), and at penalties added to it"
    )
