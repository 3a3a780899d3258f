"""Faults of schedules of the learning rate: begun, counted, ended or read another way."""

from __future__ import annotations

import math

import msgspec
from benchbench_numpy.optimizers import SGD, Adam

import benchbench
from benchbench import Cosine, Exponential, Piecewise
from faulty.fault import FaultyTrainer
from faulty.protocols import COSINE, ONE, STATE, TEN, TWO, fault, protocol

LOW_COSINE = protocol(benchbench.SGD(Cosine(0.1, 900, alpha=0.3)))
WARM = protocol(benchbench.Adam(Cosine(1e-3, 800, warmup_steps=400, warmup_from=1e-4)))
SMOOTH = protocol(benchbench.SGD(Exponential(0.1, 200, 0.3)))
STAIRS = protocol(benchbench.SGD(Exponential(0.1, 200, 0.3, staircase=True)))
PIECES = protocol(benchbench.SGD(Piecewise((100, 300), (0.1, 0.01, 0.05))))


def with_schedule(kind, change):
    """Return an optimizer that follows the schedule that `change` makes of the protocol's."""

    class Other(kind):
        def __init__(self, settings, *rest):
            schedule = change(settings.learning_rate)
            super().__init__(msgspec.structs.replace(settings, learning_rate=schedule), *rest)

    return Other


def with_rate(kind, rate):
    """Return an optimizer whose step takes the rate `rate(rate_at, updates before it)`."""

    class Other(kind):
        def move(self, parameters, gradient, _rate):
            theirs = rate(self._settings.rate_at, self._step - 1)
            super().move(parameters, gradient, theirs)

    return Other


class PerEpoch(FaultyTrainer):
    """Moves on in the schedule after every epoch."""

    epoch = 0

    def _train_epoch(self, train, optimizer):
        rate_at = self._protocol.optimizer.rate_at
        kind = type(optimizer)
        move, epoch = kind.move, self.epoch
        optimizer.move = lambda parameters, gradient, _: move(
            optimizer, parameters, gradient, rate_at(epoch)
        )
        self.epoch += 1
        return super()._train_epoch(train, optimizer)


class AnewEveryEpoch(FaultyTrainer):
    """Counts the steps of the schedule from 0 in every epoch."""

    def _train_epoch(self, train, optimizer):
        rate_at = self._protocol.optimizer.rate_at
        move, first = type(optimizer).move, optimizer._step
        optimizer.move = lambda parameters, gradient, _: move(
            optimizer, parameters, gradient, rate_at(optimizer._step - 1 - first)
        )
        return super()._train_epoch(train, optimizer)


class RisingCosine(SGD):
    """Goes up again after the end of its cosine, as torch's CosineAnnealingLR."""

    def move(self, parameters, gradient, rate):
        schedule = self._settings.schedule
        turn = math.cos(math.pi * (self._step - 1) / schedule.decay_steps)
        super().move(parameters, gradient, schedule.learning_rate * (1 + turn) / 2)


def change(**fields):
    return lambda schedule: msgspec.structs.replace(schedule, **fields)


def including_warmup(schedule):
    steps = schedule.decay_steps - schedule.warmup_steps
    return msgspec.structs.replace(schedule, decay_steps=steps)


def ahead(rate_at, step):
    return rate_at(step + 1)


def behind(rate_at, step):
    return rate_at(max(0, step - 1))


def always_first(rate_at, _step):
    return rate_at(0)


FAULTS = (
    fault("schedule ahead", "the first update takes the second rate", ONE,
          COSINE, with_rate(SGD, ahead)),
    fault("warm-up ahead", "the first update takes the second rate", ONE,
          WARM, with_rate(Adam, ahead)),
    fault("boundaries late", "the rate changes after the boundary", TEN,
          PIECES, with_rate(SGD, behind)),
    fault("schedule per epoch", "the schedule moves on once an epoch", TWO,
          COSINE, trainer=PerEpoch),
    fault("schedule anew", "the schedule begins anew with every epoch", STATE,
          COSINE, trainer=AnewEveryEpoch),
    fault("no schedule", "the rate stays as it begins", TWO, COSINE, with_rate(SGD, always_first)),
    fault("no warm-up", "the rate begins at its peak", ONE,
          WARM, with_schedule(Adam, change(warmup_steps=0, warmup_from=None))),
    fault("decay_steps with warm-up", "decay_steps include the warm-up", TEN,
          WARM, with_schedule(Adam, including_warmup)),
    fault("cosine rising", "the rate rises again after the end", TEN, COSINE, RisingCosine),
    fault("alpha 0", "the cosine ends at 0", (TWO, TEN),
          LOW_COSINE, with_schedule(SGD, change(alpha=0.0))),
    fault("stairs", "the rate falls in stairs", TWO,
          SMOOTH, with_schedule(SGD, change(staircase=True))),
    fault("no stairs", "the rate falls evenly", TWO,
          STAIRS, with_schedule(SGD, change(staircase=False))),
    fault("decay at every step", "the rate falls by decay_rate at every step", TWO,
          STAIRS, with_schedule(SGD, change(decay_steps=1))),
)  # fmt: skip
