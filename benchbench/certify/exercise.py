"""What both sides are asked to do: from which weights, on which batches, for how many steps."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.certify.acting import as_trained
from benchbench.certify.deterministic import without_dropout
from benchbench.certify.rows import Arrays, Row
from benchbench.data.dataset import Split
from benchbench.data.samples import make_split, with_other_targets
from benchbench.spec.identity import spec_sha256
from benchbench.spec.initial import initial_variables
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, Loss
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import Task, task_of

FRESH, SATURATED, TRAINED = "fresh", "saturated", "trained"
STARTS = (FRESH, SATURATED, TRAINED)

# So many draws of weights and samples does a seed have.
DRAWS = 12
# Weights four times as large make large gradients: what clips them acts there. A class given 20
# nats more leaves the others 2e-9 of the probability, or so: what clamps it to 1e-7 acts there too.
_LARGE_SCALE = 4
SATURATING_NATS = 20
# What makes likenesses and states stays as it is, and what norms make of their inputs there.
_TAME_BY = frozenset({"query_kernel", "key_kernel", "recurrent_kernel"})
_TAME = _TAME_BY | {"gamma"}


@dataclass(frozen=True, slots=True)
class Program:
    """Some steps of training: so many whole batches, a short one or not, so many epochs."""

    name: str
    whole_batches: int
    short_batch: bool
    epochs: int = 1

    @property
    def steps(self) -> int:
        return self.epochs * (self.whole_batches + self.short_batch)


ONE_STEP = Program("update after 1 step", 1, short_batch=False)
TWO_STEPS = Program("update after 2 steps", 1, short_batch=True)
TEN_STEPS = Program("update after 10 steps", 9, short_batch=True)
# What m, v and t were at the end of the first epoch shows in the second.
TWO_EPOCHS = Program("optimiser state", 1, short_batch=True, epochs=2)
PROGRAMS = (ONE_STEP, TWO_STEPS, TEN_STEPS, TWO_EPOCHS)
# What begins to act late, or with more samples, shows here; from fresh weights only.
_LONG_EPOCHS = 3
_LONG_SAMPLES = 3000
_LONG_MOST_BATCHES = 300
_LONG_FLOPS = 5e10  # about six seconds of the float64 reference on one core
_LONG_SEEDS = 1_000_000  # drawn from no seed of a shorter program
# From fresh weights to trained ones, where gradients are small and epsilon rules.
SCHOOLING = Program("schooling", 9, short_batch=True, epochs=4)


def long_program(model: ModelSpec, batch_size: int) -> Program:
    """Return three epochs of 3,000 samples; of less where that is 300 batches, or much work."""
    affordable = int(_LONG_FLOPS / (_LONG_EPOCHS * model.training_flops * batch_size))
    wanted = max(1, min(_LONG_MOST_BATCHES, _LONG_SAMPLES // batch_size))
    whole = min(wanted, max(TEN_STEPS.steps + 2, affordable))
    return Program("three epochs", whole, short_batch=True, epochs=_LONG_EPOCHS)


def as_certified(protocol: TrainingProtocol) -> TrainingProtocol:
    """Return the protocol as it is certified: one epoch, in the order given."""
    return msgspec.structs.replace(protocol, epochs=1, shuffle=False)


@dataclass(frozen=True)
class Exercise:
    """A model and a protocol, with the samples and weights drawn for them from a seed."""

    spec: ModelSpec
    protocol: TrainingProtocol
    seed: int = 0
    clip_norm: float | None = None  # for the protocol's, where that would not act

    def with_rate(self, factor: float) -> Exercise:
        """Return the same exercise with the learning rate times `factor`."""
        optimizer = self.protocol.optimizer.scaled(factor)
        return replace(self, protocol=msgspec.structs.replace(self.protocol, optimizer=optimizer))

    def with_loss(self, loss: Loss) -> Exercise:
        """Return the same exercise with another loss."""
        return replace(self, protocol=msgspec.structs.replace(self.protocol, loss=loss))

    def protocol_of(self, program: Program) -> TrainingProtocol:
        """Return the protocol as a program trains by it: what would act late acts within it."""
        return as_trained(
            self.protocol, steps=program.steps, epochs=program.epochs, clip_norm=self.clip_norm
        )

    @functools.cached_property
    def model(self) -> ModelSpec:
        """The model as it is trained on most rungs: without dropout, whose masks nobody shares."""
        return without_dropout(self.spec)

    @functools.cached_property
    def task(self) -> Task:
        """What is learnt: the loss with its targets and its metric."""
        return task_of(self.model, self.protocol)

    @functools.cached_property
    def sha256(self) -> str:
        """The hash of what is certified; epochs and shuffling do not count."""
        return spec_sha256(self.spec, as_certified(self.protocol))

    def training(self, program: Program, draw: int = 0) -> Split:
        """Return the first samples of a draw, as many as the program takes."""
        size = self.protocol.batch_size
        count = program.whole_batches * size + program.short_batch * self._short
        whole = self._drawn(draw)
        return Split(whole.inputs[:count], whole.targets[:count])

    @functools.cached_property
    def long(self) -> Program:
        return long_program(self.model, self.protocol.batch_size)

    @functools.cached_property
    def long_training(self) -> Split:
        """The samples of the long program, of no other draw."""
        count = self.long.whole_batches * self.protocol.batch_size + self._short
        return make_split(self.model, count, seed=_LONG_SEEDS + self.seed)

    @functools.cached_property
    def large_split(self) -> Split:
        """The inputs of `long_training`, every third with the target of another."""
        return with_other_targets(self.task, self.long_training)

    @functools.cached_property
    def evaluation(self) -> Split:
        """A whole batch and a short one, of no draw for training."""
        size = self.protocol.batch_size + self._short
        return make_split(self.model, size, seed=self._seed(DRAWS))

    @functools.cached_property
    def batch(self) -> Split:
        """The first batch of `evaluation`."""
        size = self.protocol.batch_size
        return Split(self.evaluation.inputs[:size], self.evaluation.targets[:size])

    def fresh(self, draw: int = 0) -> Arrays:
        """Return weights drawn as a run's first ones are; draw 0 of seed 0 are those of a run."""
        return initial_variables(self.model, self._seed(draw))

    def large(self, draw: int, last: int) -> list[npt.NDArray[Any]]:
        """Return the fresh weights four times as large, the last layer's `2**last` times that."""
        scales = [
            np.float32(
                (1 if variable.name in self._tame else _LARGE_SCALE)
                * (2.0**last if variable.name in self.output_names else 1)
            )
            for variable in self.model.variables
        ]
        return [array * scale for array, scale in zip(self.fresh(draw), scales, strict=True)]

    def saturated(self, draw: int, last: int) -> Arrays:
        """Return the large weights, with a bias of the output layer that makes it sure, and wrong.

        Of classes for the one that is rarest in the first batch; of probabilities each against what
        most samples have; values are off by as much.
        """
        arrays = self.large(draw, last)
        if self.output_bias is None:
            return arrays
        targets = self.training(ONE_STEP, draw).targets
        bias, push = arrays[self.output_bias], np.float32(SATURATING_NATS)
        match self.task.loss:
            case CrossEntropy():
                bias[np.argmin(np.bincount(targets.ravel(), minlength=len(bias)))] += push
            case BinaryCrossEntropy():
                often = targets.reshape(-1, len(bias)).mean(axis=0) > 0.5
                bias += np.where(often, -push, push)
            case _:
                bias += push
        return arrays

    @functools.cached_property
    def _tame(self) -> frozenset[str]:
        """The names of what stays as it is among large weights.

        Of 256 times the likeness a softmax is sure, and float32 has nothing left of its derivative.
        """
        roles = _TAME if any(one.role in _TAME_BY for one in self.model.variables) else ()
        return frozenset(one.name for one in self.model.variables if one.role in roles)

    @functools.cached_property
    def output_names(self) -> frozenset[str]:
        """The names of the output layer's variables."""
        return frozenset(variable.name for variable in self.model.trace()[-1].variables)

    @functools.cached_property
    def output_bias(self) -> int | None:
        """The place of the output layer's bias among the model's variables, if it has one."""
        places = (
            place
            for place, variable in enumerate(self.model.variables)
            if variable.name in self.output_names and variable.role == "bias"
        )
        return next(places, None)

    @functools.lru_cache(maxsize=4)  # noqa: B019 - an exercise is done and dropped
    def _drawn(self, draw: int) -> Split:
        count = TEN_STEPS.whole_batches * self.protocol.batch_size + self._short
        return make_split(self.model, count, seed=self._seed(draw))

    @property
    def _short(self) -> int:
        """The size of a short batch: 52 of 128."""
        return max(1, self.protocol.batch_size * 13 // 32)

    def _seed(self, draw: int) -> int:
        return (DRAWS + 1) * self.seed + draw


def relative_difference(observed: Any, expected: Any) -> float:
    """Return || observed - expected || / || expected ||: 0 where both are all 0, else infinite."""
    distance = float(np.linalg.norm(np.subtract(observed, expected, dtype=np.float64)))
    length = float(np.linalg.norm(expected))
    if length == 0:
        return 0.0 if distance == 0 else math.inf
    return distance / length


def float32_rounding(weights: Row) -> Row:
    """Return what rounding to float32 moves weights by at most: half the distance to the next."""
    return np.spacing(np.abs(weights).astype(np.float32)).astype(np.float64) / 2
