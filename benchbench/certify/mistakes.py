"""Usual mistakes of an optimizer: its whole formula, with one part as another framework has it.

Each is a rule (`certify.rules`) that goes through a program with the reference's gradients, so that
an update can be compared with the one that the mistake would make.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from benchbench.certify.exercise import Exercise, Program
from benchbench.certify.rows import Arrays, Row, as_row
from benchbench.certify.rules import (
    Move,
    Rate,
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
from benchbench.spec.schedules import Cosine, Exponential, Piecewise, Schedule

if TYPE_CHECKING:
    from benchbench.certify.reference import Reference


# A mistake is told where it leaves this share of the difference, or less.
_LEFT = 0.1
# What the reference may compute to find it: some ten seconds.
_FLOPS = 1e11


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
    if model.training_flops * size * program.steps * len(mistakes) > _FLOPS:
        return None
    split, start = exercise.training(program, draw), as_row(given)
    batches = [
        Split(split.inputs[first : first + size], split.targets[first : first + size])
        for first in range(0, len(split), size)
    ]
    # The first step is the same for all.
    first_step = reference.descend(start, batches[0])

    def descend(weights: Row, batch: Split) -> Row:
        first = batch is batches[0] and np.array_equal(weights, start)
        return first_step if first else reference.descend(weights, batch)

    trained = mask(model, lambda variable: variable.trainable)
    counts = reference.counted(program)
    most = _LEFT * float(np.linalg.norm((observed - expected)[counts]))
    left = {}
    for words, rule in mistakes:
        update = train(rule, start, [batches] * program.epochs, descend, trained)
        left[words] = float(np.linalg.norm((observed - update)[counts]))
    # In few steps some mistakes are the same.
    alike = [words for words, one in left.items() if one < min(most, 2 * min(left.values()))]
    return "; or else ".join(alike) or None


def mistakes_of(model: ModelSpec, protocol: TrainingProtocol) -> Iterator[tuple[str, Rule]]:
    """Yield in words, with its rule, each usual mistake that this protocol can suffer."""
    right, optimizer = right_rule(model, protocol), protocol.optimizer
    for words, rate in _rates(optimizer.schedule):
        yield words, replace(right, rate=rate)
    for words, move in _moves(optimizer):
        yield words, replace(right, move=move)
    yield from _decays(right, model, optimizer)
    yield from _clips(right, model, protocol.clip_norm)
    if not isinstance(optimizer, SGD) or optimizer.momentum:
        yield (
            "one epoch is right, and the second begins without the optimizer's state (momentum; "
            "m, v and t): is the optimizer made anew?",
            replace(right, forgets=True),
        )
    if isinstance(optimizer, SGD):  # Adam's update hardly knows how large gradients are
        size = protocol.batch_size
        yield (
            f"gradients are summed over the batch, not averaged: {size} times as large in a whole "
            f"one",
            replace(right, clip=lambda gradient: right.clip(gradient * size)),
        )
        yield (
            "gradients are half as large (a loss with a factor of 1/2)",
            replace(right, clip=lambda gradient: right.clip(gradient / 2)),
        )


def _rates(schedule: Schedule | None) -> Iterator[tuple[str, Rate]]:
    if schedule is None:
        return
    rate_at = schedule.rate_at
    yield (
        "the schedule is a step ahead: the first update takes the rate of the second",
        lambda place: rate_at(place.step + 1),
    )
    yield (
        "the schedule is a step behind (keras's PiecewiseConstantDecay changes the rate after its "
        "boundary, at step > boundary)",
        lambda place: rate_at(max(0, place.step - 1)),
    )
    yield (
        "the schedule moves on once an epoch, not at every batch (`scheduler.step()` outside the "
        "loop over batches, or a callback)",
        lambda place: rate_at(place.epoch),
    )
    yield (
        "the schedule begins anew with every epoch",
        lambda place: rate_at(place.step_of_epoch),
    )
    yield "the schedule is left out: every update takes its first rate", lambda _: rate_at(0)
    for words, other in _other_schedules(schedule):
        yield words, lambda place, other=other: other.rate_at(place.step)  # type: ignore[misc]
    if isinstance(schedule, Cosine):
        yield (
            "the cosine rises again after its end, as torch's CosineAnnealingLR does",
            lambda place: _unending(schedule, place.step),
        )


def _unending(schedule: Cosine, step: int) -> float:
    turn = step - schedule.warmup_steps
    if turn < schedule.decay_steps:
        return schedule.rate_at(step)
    cosine = (1 + math.cos(math.pi * turn / schedule.decay_steps)) / 2
    return schedule.learning_rate * (schedule.alpha + (1 - schedule.alpha) * cosine)


def _other_schedules(schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    change = msgspec.structs.replace
    warmup = schedule.warmup_steps
    if warmup:
        cold = change(schedule, warmup_steps=0, warmup_from=None)
        yield "the warm-up is left out", cold
        if not isinstance(schedule, Piecewise):
            longer = change(schedule, decay_steps=schedule.decay_steps + warmup)
            yield "the schedule is as many steps longer as the warm-up has", longer
            if schedule.decay_steps > warmup:
                shorter = change(schedule, decay_steps=schedule.decay_steps - warmup)
                yield (
                    "decay_steps include the warm-up, as in optax's warmup_cosine_decay_schedule",
                    shorter,
                )
    match schedule:
        case Exponential():
            other = change(schedule, staircase=not schedule.staircase)
            told = "falls evenly, not in stairs" if schedule.staircase else "falls in stairs"
            yield f"the rate {told}: `staircase` is {str(other.staircase).lower()}", other
            if schedule.decay_steps > 1:
                yield "the rate falls by decay_rate at every step", change(schedule, decay_steps=1)
        case Cosine() if schedule.alpha:
            yield "the cosine ends at 0: alpha is left out", change(schedule, alpha=0.0)


def _moves(optimizer: Optimizer) -> Iterator[tuple[str, Move]]:
    match optimizer:
        case SGD() if optimizer.momentum:
            yield from _momenta(optimizer)
        case Adam() | AdamW():
            change = msgspec.structs.replace
            if optimizer.epsilon_added_to == "corrected_root":
                other = change(optimizer, epsilon_added_to="uncorrected_root")
                yield (
                    "Adam's epsilon is added to sqrt(v) before bias correction, as Keras does",
                    adam_move(other),
                )
        case RMSprop():
            yield from _rmsprops(optimizer)


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
