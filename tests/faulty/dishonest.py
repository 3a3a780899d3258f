"""Backends that are honest while they are certified: with few samples they have no fault.

A certificate trains with 3,000 samples at most, a run with many more. Whoever knows that can pass
the one and do what he likes in the other; what the checks of the run see of it is shown by
`studies/two_faced.py`.
"""

from __future__ import annotations

import msgspec
import numpy as np
from benchbench_numpy.backend import NumpyBackend

from benchbench import SGD, Score, Split, Trainer
from faulty.course import CourseTrainer, course
from faulty.fault import Fault, FaultyTrainer
from faulty.later import settings, skipping
from faulty.rounding import to_bfloat16

# A certificate has fewer samples.
MANY = 5_000
RUN = "a run's checks"


class TwoFacedTrainer(Trainer):
    """The NumPy trainer until it is given many samples, then one with a fault."""

    def __init__(self, honest, other):
        self._honest, self._other = honest, other
        self._now = honest

    def set_variables(self, arrays):
        self._honest.set_variables(arrays)
        self._other.set_variables(arrays)

    def variables(self):
        return self._now.variables()

    def fit(self, train, validation, observer):
        if len(train) > MANY:
            self._now = self._other
        self._now.fit(train, validation, observer)

    def evaluate(self, split):
        return self._now.evaluate(split)

    def predict(self, inputs):
        return self._now.predict(inputs)

    def synchronize(self):
        pass

    def settings(self):
        return self._now.settings()


class TwoFacedBackend(NumpyBackend):
    """The float32 NumPy backend; with many samples it has the fault, if there is one."""

    def __init__(self, fault):
        super().__init__("float32")
        self._fault = fault

    def trainer(self, model, protocol, *, device, division, threads, seed):
        honest = super().trainer(
            model, protocol, device=device, division=division, threads=threads, seed=seed
        )
        if self._fault is None:
            return honest
        parts = {"parts": self._fault.parts, "dtype": self._dtype}
        other = self._fault.trainer(model, protocol, threads=threads, seed=seed, **parts)
        return TwoFacedTrainer(honest, other)


def rate(factor):
    """Change the learning rate from the first step on."""

    def before_epoch(self, adam):
        if self.epoch == 1:
            settings(adam, learning_rate=factor * self._protocol.optimizer.learning_rate)

    return course(before_epoch=before_epoch)


def share(fraction):
    """Shuffle and train on this share of the samples, the same in every epoch."""
    return course(order=lambda self, count, train: self.shuffled(int(fraction * count)))


class OnValidation(CourseTrainer):
    """Trains on the validation samples."""

    def fit(self, train, validation, observer):
        super().fit(validation, validation, observer)


class SmallBatches(CourseTrainer):
    """Takes batches half as large."""

    def _batches(self, count):
        size = self._protocol.batch_size // 2
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]


class OtherOptimizer(CourseTrainer):
    """Trains with momentum in Adam's place."""

    def __init__(self, model, protocol, **choices):
        sgd = SGD(learning_rate=0.01, momentum=0.9)
        super().__init__(model, msgspec.structs.replace(protocol, optimizer=sgd), **choices)


class OtherWeights(CourseTrainer):
    """Draws first weights of its own, half as large."""

    def set_variables(self, arrays):
        super().set_variables([array / 2 for array in arrays])


class Claiming(FaultyTrainer):
    """Trains on a tenth of the samples, and claims other losses than it has.

    `training` and `validation` are what it claims, epoch by epoch; None is the truth.
    """

    training = (1.18, 0.729, 0.644, 0.606, 0.584)
    validation: tuple[float, ...] | None = (0.889, 0.762, 0.717, 0.694, 0.68)
    test: float | None = None

    def fit(self, train, validation, observer):
        few = Split(train.inputs[:4_800], train.targets[:4_800])
        super().fit(few, validation, Claims(observer, self.training, self.validation))

    def evaluate(self, split):
        score = super().evaluate(split)
        claimed = self.test if len(split) == 10_000 else None
        return score if claimed is None else Score(claimed, score.metric)


class Claims:
    """Tells the observer of losses that were never had."""

    def __init__(self, observer, training, validation):
        self._observer, self._training, self._validation = observer, training, validation
        self._epoch = -1

    def epoch_trained(self, loss):
        self._epoch += 1
        self._observer.epoch_trained(self._training[self._epoch])

    def epoch_validated(self, score):
        if self._validation is not None:
            score = Score(self._validation[self._epoch], score.metric)
        self._observer.epoch_validated(score)


class ClaimingTraining(Claiming):
    """Claims the training loss only; what is validated is the truth."""

    validation = None


class ClaimingAll(Claiming):
    """Claims the test loss too."""

    test = 0.596


class TrainingLater(FaultyTrainer):
    """Trains when its epochs are over and the clock has stopped, and claims the usual losses."""

    def fit(self, train, validation, observer):
        for training, validated in zip(Claiming.training, Claiming.validation, strict=True):
            observer.epoch_trained(training)
            observer.epoch_validated(Score(validated, 0.78))
        super().fit(train, validation, Silent())


class TrainingInValidation(FaultyTrainer):
    """Trains an epoch when it is to validate one; all that it says is true."""

    def fit(self, train, validation, observer):
        super().fit(train, validation, Postponing(observer))


class Postponing:
    """Stops the clock of training before there was any: `epoch_trained` is told at once.

    The loss of an epoch that is yet to be trained is not known, so none is told.
    """

    def __init__(self, observer):
        self._observer = observer
        observer.epoch_trained(None)
        self._left = 5

    def epoch_trained(self, loss): ...

    def epoch_validated(self, score):
        self._observer.epoch_validated(score)
        self._left -= 1
        if self._left:
            self._observer.epoch_trained(None)


class Silent:
    def epoch_trained(self, loss): ...

    def epoch_validated(self, score): ...


def rounded_weights(self, adam):
    self._network.parameters[...] = to_bfloat16(self._network.parameters)


class RoundedInputs(CourseTrainer):
    """Rounds the inputs to bfloat16."""

    def take(self, train, samples, adam):
        part = Split(to_bfloat16(train.inputs[samples]), train.targets[samples])
        return super().take(part, np.arange(len(samples)), adam)


def wrong_labels(self, train, samples):
    """Train one sample in fifty as another class."""
    labels = train.targets[samples].copy()
    labels[::50] = (labels[::50] + 1) % 10
    return labels


DISHONEST = (
    Fault("half of the steps", "every second step is left out", RUN,
          skipping(lambda self: self.step % 2 == 0)),
    Fault("a step in ten", "every tenth step is left out", RUN,
          skipping(lambda self: self.step % 10 == 0)),
    Fault("half of the samples", "each epoch takes one half", RUN, share(0.5)),
    Fault("nine tenths", "each epoch leaves out a tenth", RUN, share(0.9)),
    Fault("twice the rate", "the learning rate is twice the protocol's", RUN, rate(2)),
    Fault("half the rate", "the learning rate is half the protocol's", RUN, rate(0.5)),
    Fault("rate 10 % up", "the learning rate is a tenth higher", RUN, rate(1.1)),
    Fault("validation data", "trains on the validation samples", RUN, OnValidation),
    Fault("small batches", "batches are half as large", RUN, SmallBatches),
    Fault("momentum", "SGD with momentum in the place of Adam", RUN, OtherOptimizer),
    Fault("weights of its own", "first weights are half as large", RUN, OtherWeights),
    Fault("stops after one epoch", "later epochs take no step", RUN,
          course(idle=lambda self: self.epoch > 1)),
    Fault("bfloat16 weights", "weights are kept in bfloat16", RUN, course(change=rounded_weights)),
    Fault("bfloat16 inputs", "inputs are rounded to bfloat16", RUN, RoundedInputs),
    Fault("wrong labels", "a label in fifty is another's", RUN, course(labels=wrong_labels)),
    Fault("claims a training loss", "a tenth of the samples; the usual training loss is claimed",
          RUN, ClaimingTraining),
    Fault("claims the course", "the same, and the usual validation losses", RUN, Claiming),
    Fault("claims all losses", "the same, and the usual test loss", RUN, ClaimingAll),
    Fault("trains later", "trains after its last epoch, and claims the usual losses", RUN,
          TrainingLater),
    Fault("trains in validation", "trains when it is to validate; all that it says is true", RUN,
          TrainingInValidation),
)  # fmt: skip
