"""An optimizer in parts, over the gradients of the reference: right, or with a part mistaken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from benchbench.certify.rows import Row
from benchbench.data.dataset import Split
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True)
class StepIndex:
    """Where an update stands: the updates before it, the epochs before it, those of its epoch."""

    step: int
    epoch: int
    step_of_epoch: int


Moments: TypeAlias = dict[str, Row]
Rate: TypeAlias = Callable[[StepIndex], float]
# What an optimizer subtracts from the weights, of its state, a gradient, a rate and t = 1, 2, ...
Move: TypeAlias = Callable[[Moments, Row, float, int], Row]


@dataclass(frozen=True)
class Rule:
    """An optimizer in parts.

    `decayed`: the share of the weights that decay takes at a rate; `decays`: 1 for weights on which
    it acts. `penalty` times these weights is added to the gradient. `forgets`: every epoch begins
    with a new state.
    """

    rate: Rate
    move: Move
    clip: Callable[[Row], Row]
    decayed: Callable[[float], float]
    decays: Row
    penalty: float = 0.0
    forgets: bool = False


def train(
    rule: Rule,
    start: Row,
    batches: Sequence[Sequence[Split]],
    descend: Callable[[Row, Split], Row],
    trained: Row,
) -> Row:
    """Return what the rule adds to the weights in these batches, epoch by epoch.

    `descend(weights, batch)` is what plain gradient descent with a rate of 1 adds to the weights.
    Where `trained` is not 1 the variable is state, which any optimizer leaves to the network.
    """
    weights, step = start.copy(), 0
    state: Moments = {}
    for epoch, of_epoch in enumerate(batches):
        if rule.forgets:
            state = {}
        for place, batch in enumerate(of_epoch):
            change = descend(weights, batch)
            gradient = rule.clip(-change * trained) + rule.penalty * rule.decays * weights
            rate = rule.rate(StepIndex(step, epoch, place))
            weights = weights - rule.decayed(rate) * rule.decays * weights
            weights = weights - rule.move(
                state, gradient, rate, place + 1 if rule.forgets else step + 1
            )
            weights = weights + change * (1 - trained)
            step += 1
    return weights - start


def right_rule(model: ModelSpec, protocol: TrainingProtocol) -> Rule:
    """Return the rule of the protocol itself."""
    optimizer = protocol.optimizer
    weight_decay = getattr(optimizer, "weight_decay", 0.0)
    return Rule(
        rate=lambda place: optimizer.rate_at(place.step),
        move=move_of(optimizer),
        clip=clip_by_norm(protocol.clip_norm),
        decayed=lambda rate: rate * weight_decay,
        decays=mask(model, lambda variable: variable.decayed),
    )


def mask(model: ModelSpec, chosen: Callable[..., bool]) -> Row:
    """Return a row of all variables' values: 1 in the variables that are chosen, 0 elsewhere."""
    return np.concatenate([np.full(one.count, float(chosen(one))) for one in model.variables])


def clip_by_norm(largest: float | None) -> Callable[[Row], Row]:
    def clip(gradient: Row) -> Row:
        norm = float(np.linalg.norm(gradient))
        return gradient if largest is None or norm <= largest else gradient * (largest / norm)

    return clip


def move_of(optimizer: Optimizer) -> Move:
    match optimizer:
        case SGD():
            return momentum_move(optimizer.momentum, nesterov=optimizer.nesterov)
        case Adam() | AdamW():
            return adam_move(optimizer)
        case RMSprop():
            return rmsprop_move(optimizer.rho, optimizer.epsilon)


def momentum_move(
    momentum: float,
    *,
    nesterov: bool,
    first: float = 1.0,
    later: float = 1.0,
    rate_inside: bool = False,
) -> Move:
    """`first` and `later`: the share of the gradient that b takes up."""

    def move(state: Moments, gradient: Row, rate: float, t: int) -> Row:
        taken = gradient * (rate if rate_inside else 1.0)
        b = momentum * state.get("b", np.zeros(())) + taken * (first if t == 1 else later)
        state["b"] = b
        step = taken + momentum * b if nesterov else b
        return step if rate_inside else rate * step

    return move


def adam_move(adam: Adam | AdamW, square: Callable[[Row], Row] = np.square) -> Move:
    corrected = adam.epsilon_added_to == "corrected_root"

    def move(state: Moments, gradient: Row, rate: float, t: int) -> Row:
        zero = np.zeros(())
        state["m"] = adam.beta_1 * state.get("m", zero) + (1 - adam.beta_1) * gradient
        state["v"] = adam.beta_2 * state.get("v", zero) + (1 - adam.beta_2) * square(gradient)
        root = math.sqrt(1 - adam.beta_2**t)
        epsilon = adam.epsilon * (root if corrected else 1.0)
        return rate * root / (1 - adam.beta_1**t) * state["m"] / (np.sqrt(state["v"]) + epsilon)

    return move


def rmsprop_move(
    rho: float,
    epsilon: float,
    *,
    outside: bool = False,
    corrected: bool = False,
    square: Callable[[Row], Row] = np.square,
) -> Move:
    def move(state: Moments, gradient: Row, rate: float, t: int) -> Row:
        v = state["v"] = rho * state.get("v", np.zeros(())) + (1 - rho) * square(gradient)
        if corrected:
            v = v / (1 - rho**t)
        return rate * gradient / (np.sqrt(v) + epsilon if outside else np.sqrt(v + epsilon))

    return move
