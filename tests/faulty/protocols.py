"""Faults of what a protocol says beyond Adam: momentum, decay, RMSprop, clipping, schedules."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from benchbench_numpy.network import Network
from benchbench_numpy.optimizers import SGD, Adam, RMSprop, clipped

import benchbench
from benchbench import AdamW, Cosine, Exponential, Piecewise, TrainingProtocol
from benchbench.certify.exercise import SATURATED
from faulty.fault import Fault, FaultyTrainer

ONE, TWO, TEN = "update after 1 step", "update after 2 steps", "update after 10 steps"
STATE = "optimiser state"


def protocol(optimizer, clip_norm=None):
    return TrainingProtocol(batch_size=32, optimizer=optimizer, clip_norm=clip_norm)


MOMENTUM = protocol(benchbench.SGD(0.05, momentum=0.9))
NESTEROV = protocol(benchbench.SGD(0.05, momentum=0.9, nesterov=True))
DECAYED = protocol(AdamW(weight_decay=0.05))
DECAYED_MOMENTUM = protocol(benchbench.SGD(0.1, momentum=0.9, weight_decay=0.01))
DECAYED_COURSE = protocol(AdamW(Cosine(1e-2, 500), weight_decay=0.1))
CORRECTED = protocol(benchbench.Adam(epsilon=1e-6, epsilon_added_to="corrected_root"))
RMSPROP = protocol(benchbench.RMSprop())
CLIPPED = protocol(benchbench.SGD(0.1), clip_norm=0.1)
CLIPPED_ADAM = protocol(benchbench.Adam(), clip_norm=0.1)
COSINE = protocol(benchbench.SGD(Cosine(0.1, 900), momentum=0.9))
LOW_COSINE = protocol(benchbench.SGD(Cosine(0.1, 900, alpha=0.3)))
WARM = protocol(benchbench.Adam(Cosine(1e-3, 800, warmup_steps=400, warmup_from=1e-4)))
SMOOTH = protocol(benchbench.SGD(Exponential(0.1, 200, 0.3)))
STAIRS = protocol(benchbench.SGD(Exponential(0.1, 200, 0.3, staircase=True)))
PIECES = protocol(benchbench.SGD(Piecewise((100, 300), (0.1, 0.01, 0.05))))


def with_settings(kind, **changes):
    """Return an optimizer that takes these settings for the protocol's."""

    class Other(kind):
        def __init__(self, settings, *rest):
            super().__init__(msgspec.structs.replace(settings, **changes), *rest)

    return Other


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


class VelocityForm(SGD):
    """v = momentum v - rate g, as Keras."""

    def move(self, parameters, gradient, rate):
        sgd, velocity = self._settings, self._velocity
        velocity *= sgd.momentum
        velocity -= rate * gradient
        parameters += sgd.momentum * velocity - rate * gradient if sgd.nesterov else velocity


class Dampened(SGD):
    """Takes up a tenth of each gradient after the first, as torch's dampening = 0.9."""

    def move(self, parameters, gradient, rate):
        super().move(parameters, gradient * np.float32(1.0 if self._step == 1 else 0.1), rate)


class RunningMean(SGD):
    """b is a running mean of gradients."""

    def move(self, parameters, gradient, rate):
        super().move(parameters, gradient * np.float32(1 - self._settings.momentum), rate)


class Penalised:
    """Adds weight decay to the gradient."""

    factor = 1.0

    def decay(self, parameters, rate):
        self._before_step = parameters.copy()

    def move(self, parameters, gradient, rate):
        gradient = gradient.copy()
        for part in self._before.decayed:
            penalty = self.factor * self._before.weight_decay
            gradient[part] += np.float32(penalty) * parameters[part]
        super().move(parameters, gradient, rate)


class PenalisedSGD(Penalised, SGD): ...


class PenalisedAdam(Penalised, Adam): ...


class DoublyPenalisedSGD(Penalised, SGD):
    factor = 2.0


class Undecayed(Adam):
    def decay(self, parameters, rate): ...


class DecayedByItself(Adam):
    """Does not multiply the decay by the learning rate."""

    def decay(self, parameters, rate):
        super().decay(parameters, 1.0)


class DecayedByFirstRate(Adam):
    def decay(self, parameters, rate):
        super().decay(parameters, self._settings.rate_at(0))


def all_parts(variables):
    """Return all of the vector, biases as well, for the parts that are decayed."""
    return (slice(0, sum(variable.count for variable in variables)),)


class EpsilonOutside(RMSprop):
    """Adds epsilon to the root, as torch."""

    def move(self, parameters, gradient, rate):
        rho, epsilon = self._settings.rho, self._settings.epsilon
        self._v += (1 - rho) * (gradient**2 - self._v)
        parameters -= (rate * gradient / (np.sqrt(self._v) + epsilon)).astype(parameters.dtype)


class CorrectedRMSprop(RMSprop):
    """Corrects the running mean's bias, as Adam does."""

    def move(self, parameters, gradient, rate):
        rho, epsilon = self._settings.rho, self._settings.epsilon
        self._v += (1 - rho) * (gradient**2 - self._v)
        v = self._v / (1 - rho**self._step)
        parameters -= (rate * gradient / np.sqrt(v + epsilon)).astype(parameters.dtype)


def unclipped(gradient, _largest):
    return gradient


def clipped_by_value(gradient, largest):
    return np.clip(gradient, -largest, largest)


class ClippingByArray(FaultyTrainer):
    """Clips each array to the norm by itself, as Keras's clipnorm does."""

    def fit(self, train, validation, observer):
        ends = np.cumsum([variable.count for variable in self._trained])[:-1]

        def by_array(gradient, largest):
            return np.concatenate([clipped(part, largest) for part in np.split(gradient, ends)])

        self._parts = {**self._parts, "optimizers.clipped": by_array}
        super().fit(train, validation, observer)


class SummedGradients(Network):
    def backward(self, logits, labels):
        super().backward(logits, labels)
        self.gradient *= len(labels)


class HalvedGradients(Network):
    def backward(self, logits, labels):
        super().backward(logits, labels)
        self.gradient *= np.float32(0.5)


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


class MomentumForgotten(FaultyTrainer):
    """Makes a new optimizer for every epoch."""

    def _train_epoch(self, train, optimizer):
        fresh = type(optimizer)(optimizer._settings, self._network.parameters, optimizer._before)
        return super()._train_epoch(train, fresh)


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


def fault(name, description, rung, under, optimizer=None, *, part=None, **options):
    """Return a fault under a protocol: another optimizer, or what `part` names another way."""
    parts = {}
    if optimizer is not None:
        kind = next(one for one in (SGD, Adam, RMSprop) if issubclass(optimizer, one))
        parts = {f"optimizers.{kind.__name__}": optimizer}
    if part:
        parts = dict([part])
    return Fault(name, description, rung, protocol=under, parts=parts, **options)


FAULTS = (
    fault("Keras's epsilon", "epsilon joins the uncorrected root, not the corrected one", ONE,
          CORRECTED, with_settings(Adam, epsilon_added_to="uncorrected_root")),
    fault("velocity form", "the rate is inside the momentum, under a schedule", TWO,
          COSINE, VelocityForm),
    fault("no Nesterov", "plain momentum for Nesterov's", ONE,
          NESTEROV, with_settings(SGD, nesterov=False)),
    fault("Nesterov for momentum", "Nesterov's momentum for plain momentum", ONE,
          MOMENTUM, with_settings(SGD, nesterov=True)),
    fault("dampening", "from the second step on b takes up a tenth of the gradient", TWO,
          MOMENTUM, Dampened),
    fault("momentum as a mean", "b is a running mean", ONE, MOMENTUM, RunningMean),
    fault("no momentum", "momentum is 0", TWO, MOMENTUM, with_settings(SGD, momentum=0.0)),
    fault("momentum 0.8", "momentum is 0.8, not 0.9", TWO,
          MOMENTUM, with_settings(SGD, momentum=0.8)),
    fault("momentum forgotten", "every epoch begins without momentum", STATE,
          MOMENTUM, trainer=MomentumForgotten),
    fault("L2 for decay", "AdamW's decay is part of the gradient", ONE, DECAYED, PenalisedAdam),
    fault("L2 under momentum", "SGD's decay is part of the gradient", TWO,
          DECAYED_MOMENTUM, PenalisedSGD),
    fault("Keras's L2", "the penalty has no factor of 1/2", ONE,
          DECAYED_MOMENTUM, DoublyPenalisedSGD),
    fault("no decay", "weights are not decayed", ONE, DECAYED, Undecayed),
    fault("decay without rate", "decay is not multiplied by the rate", ONE,
          DECAYED, DecayedByItself),
    fault("decay by the first rate", "decay does not follow the schedule", (TWO, TEN),
          DECAYED_COURSE, DecayedByFirstRate),
    fault("biases decayed", "weight decay acts on all variables", ONE, DECAYED,
          part=("optimizers.decayed_parts", all_parts), starts=(SATURATED,)),
    fault("RMSprop's epsilon", "it is added to the root", ONE, RMSPROP, EpsilonOutside),
    fault("rho 0.99", "torch's default for Keras's", ONE,
          RMSPROP, with_settings(RMSprop, rho=0.99)),
    fault("RMSprop corrected", "v is corrected as Adam's", ONE, RMSPROP, CorrectedRMSprop),
    fault("no clipping", "gradients stay as large as they are", ONE, CLIPPED,
          part=("optimizers.clipped", unclipped)),
    fault("no clipping under Adam", "gradients stay as large as they are", ONE, CLIPPED_ADAM,
          part=("optimizers.clipped", unclipped)),
    fault("clipping by array", "each array is clipped by itself", ONE,
          CLIPPED, trainer=ClippingByArray),
    fault("clipping by value", "gradients are clamped", ONE, CLIPPED,
          part=("optimizers.clipped", clipped_by_value)),
    fault("summed under SGD", "the loss is summed over the batch", ONE, MOMENTUM,
          part=("trainer.Network", SummedGradients)),
    fault("halved under SGD", "the loss has a factor of 1/2", ONE, MOMENTUM,
          part=("trainer.Network", HalvedGradients)),
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
