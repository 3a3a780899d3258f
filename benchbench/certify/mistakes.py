"""Usual mistakes of an optimizer: its whole formula, with one part as another framework has it.

Each is a rule (`certify.rules`) that goes through a program with the reference's gradients, so that
an update can be compared with the one that the mistake would make.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import starmap
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np

from benchbench.certify.exercise import Exercise, Program
from benchbench.certify.mistaken_schedules import mistaken_rates
from benchbench.certify.rows import Arrays, Row, as_row
from benchbench.certify.rules import (
    Move,
    Rule,
    adam_move,
    clip_by_norm,
    mask,
    momentum_move,
    right_rule,
    rmsprop_move,
    train,
)
from benchbench.data.dataset import Split
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from benchbench.spec.protocol import TrainingProtocol

if TYPE_CHECKING:
    from benchbench.certify.reference import Reference

# What Adam adds epsilon to: docs/protocols.md, "Where Adam's epsilon goes".
_ROOTS = {"uncorrected_root": "sqrt(v)", "corrected_root": "sqrt(v / (1 - beta_2^t))"}
# Each framework's epsilon by default, and what it adds it to.
_EPSILONS: tuple[tuple[str, float, Literal["uncorrected_root", "corrected_root"]], ...] = (
    ("torch.optim", 1e-8, "corrected_root"),
    ("keras.optimizers", 1e-7, "uncorrected_root"),
)


# A mistake is told where it leaves this share of the difference, or less; one of Adam's epsilon
# only where it leaves so little that gradients ten times as large are not taken for it.
_LEFT, _LEFT_OF_EPSILON = 0.1, 0.015
# What the reference may compute to find it: some ten seconds.
_FLOPS = 1e11


class Mistake(NamedTuple):
    """A mistake in words, the rule that makes it, and what it may leave of a difference."""

    words: str
    rule: Rule
    left: float = _LEFT


def mistaken_optimizer(
    reference: Reference,
    exercise: Exercise,
    given: Arrays,
    expected: Row,
    observed: Row,
    *,
    program: Program,
    draw: int,
) -> str | None:
    """Return, in words, the mistake of the optimizer that makes this update; None of a large model.

    `given`: the weights before the program.
    """
    model, size = exercise.model, exercise.protocol.batch_size
    protocol = exercise.protocol_of(program)
    mistakes = list(mistakes_of(model, protocol))
    steps = 1 + (program.steps - 1) * len(mistakes)  # the first is the same for all
    if model.training_flops * size * steps > _FLOPS:
        return None
    split, start = exercise.training(program, draw), as_row(given)
    batches = [
        Split(split.inputs[first : first + size], split.targets[first : first + size])
        for first in range(0, len(split), size)
    ]
    first_step = reference.descend(start, batches[0])

    def descend(weights: Row, batch: Split) -> Row:
        first = batch is batches[0] and np.array_equal(weights, start)
        return first_step if first else reference.descend(weights, batch)

    trained = mask(model, lambda variable: variable.trainable)
    counts = reference.counted(program)
    whole = float(np.linalg.norm((observed - expected)[counts]))
    left = {}
    for words, rule, most in mistakes:
        update = train(rule, start, [batches] * program.epochs, descend, trained)
        rest = float(np.linalg.norm((observed - update)[counts]))
        if rest < most * whole:
            left[words] = rest
    # In few steps some mistakes are the same.
    alike = [words for words, rest in left.items() if rest <= 2 * min(left.values())]
    return "; or else ".join(alike) or None


def mistakes_of(model: ModelSpec, protocol: TrainingProtocol) -> Iterator[Mistake]:
    """Yield in words, with its rule, each usual mistake that this protocol can suffer."""
    right, optimizer = right_rule(model, protocol), protocol.optimizer
    for words, rate in mistaken_rates(optimizer.schedule):
        yield Mistake(words, replace(right, rate=rate))
    for words, move in _moves(optimizer):
        yield Mistake(words, replace(right, move=move))
    if isinstance(optimizer, Adam | AdamW):
        for words, move in _epsilons(optimizer):
            yield Mistake(words, replace(right, move=move), _LEFT_OF_EPSILON)
    yield from starmap(Mistake, _decays(right, model, optimizer))
    yield from starmap(Mistake, _clips(right, model, protocol.clip_norm))
    if not isinstance(optimizer, SGD) or optimizer.momentum:
        yield Mistake(
            "one epoch is right, and the second begins without the optimizer's state (momentum; "
            "m, v and t): is the optimizer made anew?",
            replace(right, forgets=True),
        )
    size = protocol.batch_size
    summed = (
        f"gradients are summed over the batch, not averaged: {size} times as large in a whole one"
    )
    times = replace(right, clip=lambda gradient: right.clip(gradient * size))
    if isinstance(optimizer, SGD):
        yield Mistake(summed, times)
        yield Mistake(
            "gradients are half as large (a loss with a factor of 1/2)",
            replace(right, clip=lambda gradient: right.clip(gradient / 2)),
        )
    elif isinstance(optimizer, Adam | AdamW):  # of larger gradients it knows by epsilon alone
        yield Mistake(summed, times, _LEFT_OF_EPSILON)


def _moves(optimizer: Optimizer) -> Iterator[tuple[str, Move]]:
    match optimizer:
        case SGD() if optimizer.momentum:
            yield from _momenta(optimizer)
        case RMSprop():
            yield from _rmsprops(optimizer)


def _epsilons(adam: Adam | AdamW) -> Iterator[tuple[str, Move]]:
    name, own = type(adam).__name__, _ROOTS[adam.epsilon_added_to]
    for framework, default, place in _EPSILONS:
        there = msgspec.structs.replace(adam, epsilon_added_to=place)
        if place != adam.epsilon_added_to:
            yield (
                f"epsilon is added to {_ROOTS[place]}, as {framework}.{name} does; the protocol "
                f"adds it to {own}",
                adam_move(there),
            )
        if default != adam.epsilon:
            yield (
                f"epsilon is {default:g} and is added to {_ROOTS[place]}, the default of "
                f"{framework}.{name}; the protocol adds {adam.epsilon:g} to {own}",
                adam_move(msgspec.structs.replace(there, epsilon=default)),
            )


def _momenta(sgd: SGD) -> Iterator[tuple[str, Move]]:
    mu, nesterov = sgd.momentum, sgd.nesterov
    if sgd.schedule is not None:
        yield (
            "momentum has the velocity form under a schedule: v = momentum v - rate g, as "
            "keras.optimizers.SGD computes; the rate belongs outside, w -= rate b",
            momentum_move(mu, nesterov=nesterov, rate_inside=True),
        )
    told = "Nesterov's momentum is left out" if nesterov else "it is Nesterov's momentum"
    yield (
        f"{told} (`nesterov` is {str(not nesterov).lower()})",
        momentum_move(mu, nesterov=not nesterov),
    )
    yield "momentum is left out", momentum_move(0.0, nesterov=False)
    yield (
        f"there is dampening: b = {mu:g} b + {1 - mu:.2g} g from the second step on, as "
        f"torch.optim.SGD with dampening",
        momentum_move(mu, nesterov=nesterov, later=1 - mu),
    )
    yield (
        f"momentum is a running mean, b = {mu:g} b + {1 - mu:.2g} g: dampening",
        momentum_move(mu, nesterov=nesterov, first=1 - mu, later=1 - mu),
    )


def _rmsprops(rmsprop: RMSprop) -> Iterator[tuple[str, Move]]:
    rho, epsilon = rmsprop.rho, rmsprop.epsilon
    yield (
        "RMSprop's epsilon is added to the root, not under it, as torch.optim.RMSprop does",
        rmsprop_move(rho, epsilon, outside=True),
    )
    if rho != 0.99:
        yield (
            "it is torch.optim.RMSprop by default: rho (alpha) is 0.99, and an epsilon of 1e-08 is "
            "added to the root, not under it",
            rmsprop_move(0.99, 1e-8, outside=True),
        )
    for other, whose in ((0.99, "torch.optim.RMSprop"), (0.9, "keras.optimizers.RMSprop")):
        if other != rho:
            yield f"rho is {other:g}, the default of {whose}", rmsprop_move(other, epsilon)
    yield (
        "the running mean of squares is corrected as Adam's",
        rmsprop_move(rho, epsilon, corrected=True),
    )


def _decays(right: Rule, model: ModelSpec, optimizer: Optimizer) -> Iterator[tuple[str, Rule]]:
    share = getattr(optimizer, "weight_decay", 0.0)
    if not share:
        return
    first_rate = optimizer.rate_at(0)
    yield "weight decay is left out", replace(right, decayed=lambda _: 0.0)
    yield (
        "weight decay is part of the gradient (L2), as torch.optim.SGD's and Adam's; it must be "
        "decoupled",
        replace(right, decayed=lambda _: 0.0, penalty=share),
    )
    yield (
        "weight decay is a penalty of weight_decay times the sum of squares, as "
        "keras.regularizers.L2 has it: twice as large, and part of the gradient",
        replace(right, decayed=lambda _: 0.0, penalty=2 * share),
    )
    yield (
        "weight decay is not multiplied by the learning rate",
        replace(right, decayed=lambda _: share),
    )
    if optimizer.schedule is not None:
        yield (
            "weight decay is multiplied by the first learning rate, not by the scheduled one",
            replace(right, decayed=lambda _: first_rate * share),
        )
    yield (
        "biases and scales are decayed too: weight decay is for kernels and embeddings alone",
        replace(right, decays=mask(model, lambda variable: variable.trainable)),
    )


def _clips(right: Rule, model: ModelSpec, largest: float | None) -> Iterator[tuple[str, Rule]]:
    if largest is None:
        return
    ends = np.cumsum([variable.count for variable in model.variables])[:-1]
    of_array = clip_by_norm(largest)
    yield "gradients are not clipped", replace(right, clip=lambda gradient: gradient)
    yield (
        "each array is clipped to the norm by itself, as keras's clipnorm does; the norm is of all "
        "arrays together (global_clipnorm)",
        replace(
            right,
            clip=lambda gradient: np.concatenate([of_array(g) for g in np.split(gradient, ends)]),
        ),
    )
    yield (
        "gradients are clipped by value, not by norm",
        replace(right, clip=lambda gradient: np.clip(gradient, -largest, largest)),
    )
