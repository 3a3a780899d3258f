"""Faults of what a protocol says beyond Adam: momentum, decay, RMSprop, clipping."""

from __future__ import annotations

import msgspec
import numpy as np
from benchbench_numpy.network import Network
from benchbench_numpy.optimizers import SGD, Adam, RMSprop, clipped

import benchbench
from benchbench import AdamW, Cosine, TrainingProtocol
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


def with_settings(kind, **changes):
    """Return an optimizer that takes these settings for the protocol's."""

    class Other(kind):
        def __init__(self, settings, *rest):
            super().__init__(msgspec.structs.replace(settings, **changes), *rest)

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


class MomentumForgotten(FaultyTrainer):
    """Makes a new optimizer for every epoch."""

    def _train_epoch(self, train, optimizer):
        fresh = type(optimizer)(optimizer._settings, self._network.parameters, optimizer._before)
        return super()._train_epoch(train, fresh)


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
)  # fmt: skip
