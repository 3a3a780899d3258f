"""An Embedding whose gradient has a row for each occurrence of a token, and nobody sums them.

An optimizer that squares these rows one by one, or a norm that is taken of them, gives another
number than that of their sum wherever a token occurs twice in a batch. Keras on TensorFlow does so:
the gradient is an `IndexedSlices`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from benchbench.certify.exercise import ONE_STEP, Exercise, relative_difference
from benchbench.certify.rows import Arrays, Row, as_row
from benchbench.certify.rules import (
    Move,
    Rule,
    adam_move,
    mask,
    right_rule,
    rmsprop_move,
    train,
)
from benchbench.data.dataset import Split
from benchbench.spec.layers import Embedding
from benchbench.spec.optimizers import Adam, AdamW, Optimizer, RMSprop
from benchbench.spec.protocol import TrainingProtocol

if TYPE_CHECKING:
    from benchbench.certify.reference import Reference

# A mistake is told where it leaves this share of the difference, or less.
_LEFT = 0.05
_TOLD = (
    "the gradient of the Embedding has a row for each occurrence of a token, and the rows are not "
    "summed before {what}: Keras on TensorFlow gives such IndexedSlices; with "
    "embeddings_regularizer=keras.regularizers.L2(0.0) the gradient is dense"
)


def unsummed(
    reference: Reference,
    exercise: Exercise,
    given: Arrays,
    expected: Row,
    observed: Row,
    *,
    draw: int,
) -> str | None:
    """Return in words that rows were not summed, if that makes this first update."""
    if not isinstance(exercise.model.layers[0], Embedding):
        return None
    batch = exercise.training(ONE_STEP, draw)
    counts = reference.counted(ONE_STEP)
    most = _LEFT * relative_difference(observed[counts], expected[counts])
    if most == 0:
        return None
    protocol = exercise.protocol_of(ONE_STEP)
    right = right_rule(exercise.model, protocol)
    trained = mask(exercise.model, lambda variable: variable.trainable)
    gradient = reference.descend(as_row(given), batch)
    squares = _squares(reference, exercise, given, batch, gradient * trained)
    told = None
    for what, rule in _rules(right, protocol, gradient * trained, squares):
        update = train(rule, as_row(given), [[batch]], lambda *_: gradient, trained)
        left = relative_difference(observed[counts], update[counts])
        if left < most:
            most, told = left, _TOLD.format(what=what)
    return told


def _squares(
    reference: Reference, exercise: Exercise, given: Arrays, batch: Split, gradient: Row
) -> Row:
    """Return the squares of the gradient; of the Embedding, summed over the occurrences of a token.

    Its rows' own gradients are those of a model in which every occurrence has a token to itself.
    """
    first, *others = exercise.model.layers
    assert isinstance(first, Embedding)  # noqa: S101 - for the types
    tokens = batch.inputs.ravel()
    apart = Split(np.arange(len(tokens), dtype=np.int32).reshape(batch.inputs.shape), batch.targets)
    model = msgspec.structs.replace(
        exercise.model, layers=(Embedding(len(tokens), first.features), *others)
    )
    embeddings, *rest = given
    row = as_row([np.asarray(embeddings)[tokens], *rest])
    slices = reference.with_model(model).descend(row, apart)[: len(tokens) * first.features]
    summed = np.zeros(np.shape(embeddings))
    np.add.at(summed, tokens, np.square(slices.reshape(len(tokens), first.features)))
    squares = np.square(gradient)
    squares[: summed.size] = summed.ravel()
    return squares


def _rules(
    right: Rule, protocol: TrainingProtocol, gradient: Row, squares: Row
) -> Iterator[tuple[str, Rule]]:
    """Yield in words, with its rule, each place at which it counts that rows are not summed."""
    largest = protocol.clip_norm or math.inf
    factor, mistaken = (
        min(1.0, largest / norm) if (norm := math.sqrt(float(sum_of_squares))) else 1.0
        for sum_of_squares in (np.square(gradient).sum(), squares.sum())
    )
    clipped = replace(right, clip=lambda gradient: gradient * mistaken)
    move = _squaring(protocol.optimizer, squares * factor**2)
    if move:
        yield "they are squared", replace(right, move=move)
    if factor != mistaken:
        yield "their norm is taken, by which all gradients are clipped", clipped
        move = _squaring(protocol.optimizer, squares * mistaken**2)
        if move:
            yield "their norm is taken and they are squared", replace(clipped, move=move)


def _squaring(optimizer: Optimizer, squares: Row) -> Move | None:
    """Return the optimizer's formula with other squares of a first gradient."""
    match optimizer:
        case Adam() | AdamW():
            return adam_move(optimizer, lambda _: squares)
        case RMSprop():
            return rmsprop_move(optimizer.rho, optimizer.epsilon, square=lambda _: squares)
    return None
