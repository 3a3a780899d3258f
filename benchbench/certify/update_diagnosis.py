"""What a differing update of the weights looks like, in words that a person can act on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import (
    ONE_STEP,
    TEN_STEPS,
    TWO_EPOCHS,
    TWO_STEPS,
    Arrays,
    Program,
    Row,
    as_row,
    relative_difference,
)
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import Adam, TrainingProtocol

_MOST = 0.9
# Smaller arrays may look like anything.
_FEWEST = 32
# What right float32 arrays differ by, at most, at a first step; and what low precision makes.
_RIGHT, _LOW_PRECISION = 1e-4, 1e-2

# Every shorter program is right where one of these breaks.
_NEW = MappingProxyType(
    {
        ONE_STEP: "look at the gradient: labels, loss, dropout, penalties, precision",
        TWO_STEPS: (
            "the first step is right: look at the short batch, at the order of samples, at "
            "beta_1, and whether every gradient starts from 0"
        ),
        TEN_STEPS: "two steps are right: look at batches left out or used twice, and their order",
        TWO_EPOCHS: (
            "one epoch is right: look at what the second begins with: Adam's m, v and t, the "
            "learning rate, the order of samples"
        ),
    }
)
_ANY = "look at gradients, batches and their order, penalties, Adam's settings and state"


def array_names(model: ModelSpec) -> list[str]:
    """Name every variable with the kind of its layer: "layers.1.kernel (Dense)"."""
    return [
        f"{variable.name} ({type(trace.layer).__name__})"
        for trace in model.trace()
        for variable in trace.variables
    ]


def of_update(
    model: ModelSpec,
    protocol: TrainingProtocol,
    expected: Row,
    observed: Row,
    *,
    first: bool,
    program: Program | None = None,
    given: Arrays | None = None,
) -> str:
    """Say what a differing update of all parameters looks like.

    `first`: it is of a first step. `program`: what was trained. `given`: the weights before.
    """
    if not np.isfinite(observed).all():
        return "there are NaN or infinities among the parameters"
    if not expected.any():
        return "weights moved, but the reference's gradients are exactly 0, and move none"
    weights = as_row(given) if given is not None else None
    signs = (
        _unmoved(model, expected, observed),
        _steps(protocol.optimizer, expected, observed),
        _factor(expected, observed),
        _decay(protocol.optimizer, expected, observed, weights, first=first),
        _reordered(model, expected, observed),
        _epsilon(protocol, expected, observed) if first else None,
    )
    found = next((sign for sign in signs if sign), None)
    return found or _place(model, expected, observed, program)


def _unmoved(model: ModelSpec, expected: Row, observed: Row) -> str | None:
    if not observed.any():
        return "nothing moved: does `fit` train, and does `variables` give what was trained?"
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
    told = (
        f"everything moves {factor:.4f} times as far: look at the learning rate, at the correction "
        f"of Adam's bias, and at its momentum"
    )
    whole = round(factor)
    if whole > 1 and abs(factor - whole) < 0.05:
        told += f"; or are {whole} steps taken for one?"
    return told


def _steps(adam: Adam, expected: Row, observed: Row) -> str | None:
    """Recognise more or fewer steps than there are batches.

    A weight whose gradient keeps its sign and size moves by the learning rate at every step, and
    hardly any moves further.
    """
    ours, theirs = (np.abs(row).max() / adam.learning_rate for row in (expected, observed))
    apart = abs(theirs - ours)
    if apart < 0.5 or abs(apart - round(apart)) > 0.08:
        return None
    more = theirs > ours
    where = (
        "a batch used twice, or validation images trained on"
        if more
        else "a batch or an epoch left out"
    )
    return (
        f"the furthest weight moves {theirs:.1f} times the learning rate, not {ours:.1f}: are "
        f"there {'more' if more else 'fewer'} steps than there should be ({where})?"
    )


def _decay(
    adam: Adam, expected: Row, observed: Row, weights: Row | None, *, first: bool
) -> str | None:
    """Recognise weights that shrink: of themselves, or by a penalty in the gradient."""
    if weights is None or not weights.any():
        return None
    shrunk = _slope(weights, expected - observed)
    if shrunk is not None:
        return (
            f"weights shrink by {shrunk:.1e} of themselves: look at decoupled weight decay (AdamW)"
        )
    resting = (expected == 0) & (weights != 0)
    pulled = np.sign(observed[resting]) == -np.sign(weights[resting])
    if resting.sum() >= _FEWEST and pulled.mean() > _MOST:
        return (
            f"{resting.sum()} weights that have no gradient move towards 0: look at weight decay, "
            f"or another penalty on the weights"
        )
    if not first:
        return None
    clear, ours, theirs = _gradients(adam, expected, observed)
    penalty = _slope(weights[clear], theirs - ours)
    if penalty is None:
        return None
    return f"gradients are off by {penalty:.1e} times the weight: look at weight decay"


def _slope(weights: Row, differences: Row) -> float | None:
    """Return the positive factor by which the differences are the weights, if they are."""
    if len(weights) < _FEWEST:
        return None
    slope = float(differences @ weights / (weights @ weights))
    rest = np.linalg.norm(differences - slope * weights)
    return slope if slope > 0 and rest < 0.3 * np.linalg.norm(differences) else None


def _epsilon(protocol: TrainingProtocol, expected: Row, observed: Row) -> str | None:
    """Recognise a difference where gradients are small, and the epsilon that would make it."""
    adam: Adam = protocol.optimizer
    clear, ours, theirs = _gradients(adam, expected, observed)
    if clear.sum() >= 10:
        found = float(np.median(adam.epsilon * ours / theirs))
        share = np.abs(expected) / adam.learning_rate
        # |g| / (|g| + e) with another e, from the share that it is with the right one.
        other = share / (share + (1 - share) * found / adam.epsilon)
        rest = np.linalg.norm(np.sign(expected) * other * adam.learning_rate - observed)
        if found > 0 and rest < 0.2 * np.linalg.norm(observed - expected):
            return _of_epsilon(protocol, found)
    squares = np.square(observed - expected)
    if squares[np.abs(expected) < 0.99 * adam.learning_rate].sum() < _MOST * squares.sum():
        return None
    if clear.sum() < 10:
        return (
            "the difference sits where gradients are small: look at Adam's epsilon, and at small "
            "differences of the gradients"
        )
    return (
        "the difference sits where gradients are small, but not as another epsilon would make it: "
        "gradients themselves differ a little: look at low precision, rounded images, smoothed "
        "labels, weight decay, dropout"
    )


def _of_epsilon(protocol: TrainingProtocol, found: float) -> str:
    """Say what stands behind the epsilon that explains a first step."""
    adam: Adam = protocol.optimizer
    told = (
        f"the difference sits where gradients are small: look at Adam's epsilon; it is as "
        f"{found:.2g} would make it, for {adam.epsilon:.2g}"
    )
    root = math.sqrt(1 - adam.beta_2)
    if abs(found / (adam.epsilon * root) - 1) < 0.05:
        return f"{told}: so it is added to the bias-corrected root, as torch.optim.Adam does"
    times = adam.epsilon / found
    if abs(times / protocol.batch_size - 1) < 0.05:
        return f"{told}, or gradients summed over the batch, not averaged"
    told += f", or gradients {times:.3g} times as large{' (clipped?)' if times < 1 else ''}"
    beta_2 = 1 - (root * times) ** 2
    return f"{told}, or beta_2 {beta_2:.4g}" if 0.1 < beta_2 < 0.99995 else told


def _gradients(adam: Adam, expected: Row, observed: Row) -> tuple[npt.NDArray[np.bool_], Row, Row]:
    """Return where gradients can be told from a first step, and both sides' there.

    Adam's formula gives |update| = rate * |g| / (|g| + e) at the first step, with e = epsilon /
    sqrt(1 - beta_2), solved here for g.
    """
    ours, theirs = expected / adam.learning_rate, observed / adam.learning_rate
    clear = (
        (np.abs(ours) > 0.05)
        & (np.abs(ours) < 0.998)
        & (np.abs(theirs) > 0.01)
        & (np.abs(theirs) < 0.9999)
    )
    e = adam.epsilon / math.sqrt(1 - adam.beta_2)
    first, second = (-e * part / (1 - np.abs(part)) for part in (ours[clear], theirs[clear]))
    return clear, first, second


def _reordered(model: ModelSpec, expected: Row, observed: Row) -> str | None:
    """Recognise an array whose numbers are in another order.

    Only those short of the furthest count: at a first step most weights move as far as they can.
    """
    for name, ours, theirs in _by_array(model, expected, observed):
        furthest = 0.9 * np.abs(ours).max()
        first, second = (np.sort(part[np.abs(part) < furthest]) for part in (ours, theirs))
        if len(first) < _FEWEST or len(first) != len(second):
            continue
        apart = relative_difference(theirs, ours)
        if apart > 1e-2 and relative_difference(second, first) < 0.01 * apart:
            return f"the {name} has the right numbers in another order: a layout is mistaken"
    return None


def _place(model: ModelSpec, expected: Row, observed: Row, program: Program | None) -> str:
    """Say which array holds most of the difference, how large it is, and what is new here."""
    difference = relative_difference(observed, expected)
    squares = {
        name: (np.square(theirs - ours).sum(), np.square(ours).sum())
        for name, ours, theirs in _by_array(model, expected, observed)
    }
    name = max(squares, key=lambda one: float(squares[one][0]))
    whole = sum(apart for apart, _ in squares.values())
    told = (
        f"the update is off by {difference:.1e}, {squares[name][0] / whole:.0%} of it (squared) in "
        f"the {name}"
    )
    others = [
        sum(part) for part in zip(*(squares[one] for one in squares if one != name), strict=True)
    ]
    if others and others[0] < _RIGHT**2 * others[1]:
        return f"{told}; all others are right: look at the derivative of this one"
    spread = [apart > 0.01 * difference**2 * size for apart, size in squares.values()]
    if difference < _LOW_PRECISION and all(spread):
        told += "; in all arrays alike, so it may be low precision (TF32, bfloat16, half)"
    return f"{told}; {_NEW[program] if program else _ANY}"


def _by_array(model: ModelSpec, expected: Row, observed: Row) -> Iterator[tuple[str, Row, Row]]:
    start = 0
    for name, shape in zip(array_names(model), model.variable_shapes, strict=True):
        part = slice(start, start + math.prod(shape))
        start = part.stop
        yield name, expected[part], observed[part]
