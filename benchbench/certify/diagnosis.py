"""What a difference looks like, in words that a person can act on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import Arrays, Row, relative_difference
from benchbench.plugins.contract import Score
from benchbench.spec.layers import Shape
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import Adam, TrainingProtocol

# Rounding to 8 bits (bfloat16) or 11 (TF32, half) leaves relative differences about this large.
_LOW_PRECISION = (3e-5, 3e-2)
_MOST = 0.9


def array_names(model: ModelSpec) -> list[str]:
    """Name every parameter array: "kernel of layer 2 (Dense)"."""
    return [
        f"{part} of layer {number} ({type(trace.layer).__name__})"
        for number, trace in enumerate(model.trace(), 1)
        for part, _ in zip(("kernel", "bias"), trace.parameter_shapes, strict=False)
    ]


def of_shapes(model: ModelSpec, observed: Sequence[Shape]) -> str:
    """Say which of the arrays has another shape than the spec's."""
    expected = model.parameter_shapes
    if len(observed) != len(expected):
        return f"`parameters` gives {len(observed)} arrays, the spec has {len(expected)}"
    wrong = [
        f"the {name} is {theirs}, the spec's is {ours}"
        for name, ours, theirs in zip(array_names(model), expected, observed, strict=True)
        if ours != theirs
    ]
    return f"{'; '.join(wrong)}: look at padding, pool and the layout of kernels"


def of_returned(model: ModelSpec, given: Arrays, returned: Arrays, changed: Sequence[int]) -> str:
    """Say how the weights that came back differ from those that were given."""
    names = array_names(model)
    for index in changed:
        if np.array_equal(np.sort(given[index], axis=None), np.sort(returned[index], axis=None)):
            return f"the {names[index]} came back in another order: a layout is mistaken"
    which = ", ".join(names[index] for index in changed)
    return f"other weights came back than were given: {which}; `set_parameters` must take them all"


def of_predictions(expected: npt.NDArray[Any], observed: npt.NDArray[Any], *, trained: bool) -> str:
    """Say what differing probabilities look like; `trained`: of the trainer's own weights."""
    if not np.isfinite(observed).all():
        return "there are NaN or infinities among the probabilities"
    if np.abs(observed.sum(axis=1) - 1).max() > 1e-3 or observed.min() < 0:
        return "the rows are no probabilities: is the softmax missing, or applied twice?"
    if relative_difference(np.sort(observed, 1), np.sort(expected, 1)) < 1e-4:
        return "the same probabilities in another order of the classes"
    difference = relative_difference(observed, expected)
    rows = np.linalg.norm(observed - expected, axis=1) > 0.01 * difference
    if _LOW_PRECISION[0] < difference < _LOW_PRECISION[1] and rows.mean() > _MOST:
        return (
            f"a relative difference of {difference:.1e} spread over all samples: it looks like low "
            f"precision (TF32, bfloat16, half), or like inputs scaled by another constant"
        )
    if trained:
        return "these are not the predictions of the weights that `parameters` gives after training"
    return (
        "another function is computed: look at pool, padding, activation, bias, and at the order "
        "of Flatten, which is (height, width, channels)"
    )


def of_score(expected: Score, observed: Score, count: int, *, short: bool) -> str:
    """Say what a differing loss or accuracy looks like."""
    told = (
        f"loss {observed.loss:.6g} for {expected.loss:.6g}, "
        f"accuracy {observed.accuracy:.4f} for {expected.accuracy:.4f} of {count} samples"
    )
    if not math.isfinite(observed.loss):
        return f"{told}: the loss is not finite"
    if short:
        return f"{told}: is the short last batch left out, or counted as much as a whole one?"
    # -log(1e-7): what a clamped probability costs at most.
    if expected.loss > 5 and observed.loss < expected.loss:
        return f"{told}: are probabilities clamped? To [1e-7, 1 - 1e-7] none costs over 16.1 nats"
    return f"{told}: look at the labels, and at what the loss is given (logits or probabilities)"


def of_update(
    model: ModelSpec, protocol: TrainingProtocol, expected: Row, observed: Row, *, first: bool
) -> str:
    """Say what a differing update of all parameters looks like; `first`: it is of a first step."""
    if not np.isfinite(observed).all():
        return "there are NaN or infinities among the parameters"
    if not expected.any():
        return "the parameters moved, but the reference's gradients are 0 and it moves none"
    signs = (
        _unmoved(model, expected, observed),
        _factor(expected, observed),
        _epsilon(protocol, expected, observed) if first else None,
        _reordered(model, expected, observed),
    )
    return next((sign for sign in signs if sign), _place(model, expected, observed))


def _unmoved(model: ModelSpec, expected: Row, observed: Row) -> str | None:
    still = [
        name
        for name, ours, theirs in _by_array(model, expected, observed)
        if ours.any() and not theirs.any()
    ]
    return f"the {', '.join(still)} did not move: it is not trained" if still else None


def _factor(expected: Row, observed: Row) -> str | None:
    """Recognise an update that is the reference's, times a constant."""
    factor = float(observed @ expected / (expected @ expected))
    rest = np.linalg.norm(observed - factor * expected)
    if rest > 0.1 * np.linalg.norm(observed - expected):
        return None
    return (
        f"everything moves {factor:.4f} times as far: look at the learning rate and at the "
        f"correction of Adam's bias"
    )


def _epsilon(protocol: TrainingProtocol, expected: Row, observed: Row) -> str | None:
    """Recognise a difference where gradients are small, and the epsilon that would make it.

    At the first step Adam's formula gives |update| = rate * |g| / (|g| + e), with e = epsilon /
    sqrt(1 - beta_2): solved for |g| on the reference's side, and for e on the other.
    """
    adam: Adam = protocol.optimizer
    ours, theirs = np.abs(expected) / adam.learning_rate, np.abs(observed) / adam.learning_rate
    squares = np.square(observed - expected)
    small = ours < 0.99
    if squares[small].sum() < _MOST * squares.sum():
        return None
    told = "the difference sits where gradients are small: look at Adam's epsilon"
    clear = (ours > 0.05) & (ours < 0.95) & (theirs > 0.01) & (theirs < 0.99999)
    if clear.sum() < 10:
        return told
    root = math.sqrt(1 - adam.beta_2)
    gradient = adam.epsilon / root * ours[clear] / (1 - ours[clear])
    found = gradient * (1 / theirs[clear] - 1) * root
    low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
    if not (middle > 0 and high - low < 0.1 * middle):
        return told
    told += f"; it is as epsilon {middle:.2g} would make it, for {adam.epsilon:.2g}"
    if abs(middle / (adam.epsilon * root) - 1) < 0.05:
        told += ": so it is added to the bias-corrected root, as torch.optim.Adam does"
    elif abs(adam.epsilon / middle / protocol.batch_size - 1) < 0.05:
        told += ", or gradients summed over the batch, not averaged"
    return told


def _reordered(model: ModelSpec, expected: Row, observed: Row) -> str | None:
    for name, ours, theirs in _by_array(model, expected, observed):
        apart = relative_difference(theirs, ours) if ours.any() else 0.0
        if apart > 1e-2 and relative_difference(np.sort(theirs), np.sort(ours)) < 0.01 * apart:
            return f"the {name} has the right numbers in another order: a layout is mistaken"
    return None


def _place(model: ModelSpec, expected: Row, observed: Row) -> str:
    """Say which array holds most of the difference, and how large it is."""
    difference = relative_difference(observed, expected)
    whole = np.square(observed - expected).sum()
    name, share = max(
        (
            (name, float(np.square(theirs - ours).sum() / whole))
            for name, ours, theirs in _by_array(model, expected, observed)
        ),
        key=lambda pair: pair[1],
    )
    told = f"the update is off by {difference:.1e}, {share:.0%} of it (squared) in the {name}"
    if difference < _LOW_PRECISION[1]:
        return f"{told}; as small as this it may be low precision (TF32, bfloat16) or a small bug"
    return f"{told}: look at gradients, batches and their order, regularisation, Adam's betas"


def _by_array(model: ModelSpec, expected: Row, observed: Row) -> Iterator[tuple[str, Row, Row]]:
    start = 0
    for name, shape in zip(array_names(model), model.parameter_shapes, strict=True):
        part = slice(start, start + math.prod(shape))
        start = part.stop
        yield name, expected[part], observed[part]
