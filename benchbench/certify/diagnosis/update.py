"""What a differing update of the variables looks like, under whichever optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from benchbench.certify.diagnosis import adam
from benchbench.certify.diagnosis.signs import Sign, Signs, Update
from benchbench.certify.diagnosis.variables import array_names
from benchbench.certify.exercise import (
    ONE_STEP,
    TEN_STEPS,
    TWO_EPOCHS,
    TWO_STEPS,
    Program,
    relative_difference,
)
from benchbench.certify.rows import Arrays, Row, as_row
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import Adam, AdamW
from benchbench.spec.protocol import TrainingProtocol

# What is looked for in an update of each optimizer; of another one only what any would show.
_SIGNS: Mapping[type, Signs] = MappingProxyType({Adam: adam.SIGNS, AdamW: adam.SIGNS})
# Smaller arrays may look like anything.
_FEWEST = 32
# What right float32 arrays differ by, at most, at a first step; and what low precision makes.
_RIGHT, _LOW_PRECISION = 1e-4, 1e-2

# Every shorter program is right where one of these breaks.
_NEW = MappingProxyType(
    {
        ONE_STEP: "look at the gradient: labels, loss, dropout, penalties, precision",
        TWO_STEPS: (
            "the first step is right: look at the short batch, at the order of samples (Keras's "
            "`fit` shuffles by default), at momentum (beta_1), and whether gradients start from 0"
        ),
        TEN_STEPS: "two steps are right: look at batches left out or used twice, and their order",
        TWO_EPOCHS: (
            "one epoch is right: look at what the second begins with: the optimizer's state (of "
            "Adam m, v and t), the learning rate, the order of samples"
        ),
    }
)
_ANY = "look at gradients, batches and their order, penalties, the optimizer's settings and state"


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
    update = Update(model, protocol, expected, observed, weights, first)
    own = _SIGNS.get(type(protocol.optimizer), Signs())
    looks: tuple[Sign, ...] = (
        lambda _: _unmoved(model, expected, observed),
        own.steps,
        _factor,
        own.decay,
        lambda _: _reordered(model, expected, observed),
        own.small_gradients,
    )
    found = next((told for look in looks if (told := look(update))), None)
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


def _factor(update: Update) -> str | None:
    """Recognise an update that is the reference's, times a constant."""
    expected, observed = update.expected, update.observed
    factor = float(observed @ expected / (expected @ expected))
    rest = np.linalg.norm(observed - factor * expected)
    if rest > 0.1 * np.linalg.norm(observed - expected):
        return None
    is_adam = isinstance(update.protocol.optimizer, Adam | AdamW)
    others = (
        "the correction of Adam's bias, and at its momentum"
        if is_adam
        else "momentum, and at what a sum or a mean is taken over"
    )
    told = f"everything moves {factor:.4f} times as far: look at the learning rate, at {others}"
    whole = round(factor)
    if whole > 1 and abs(factor - whole) < 0.05:
        told += f"; or are {whole} steps taken for one?"
    return told


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
        told += (
            "; in all arrays alike, so it may be low precision (TF32, bfloat16, half); TF32 is the "
            "default on NVIDIA cards of TensorFlow and of torch's convolutions"
        )
    return f"{told}; {_NEW[program] if program else _ANY}"


def _by_array(model: ModelSpec, expected: Row, observed: Row) -> Iterator[tuple[str, Row, Row]]:
    start = 0
    for name, shape in zip(array_names(model), model.variable_shapes, strict=True):
        part = slice(start, start + math.prod(shape))
        start = part.stop
        yield name, expected[part], observed[part]
