"""Faults that begin late: from some step on, from some epoch on, or now and then."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from faulty.course import CourseTrainer, course
from faulty.fault import Fault
from faulty.rounding import to_bfloat16

LATE = ("three epochs", "order")
# A ladder's program of ten steps ends before.
FROM_STEP = 12


def skipping(when):
    """Leave out the steps of which `when(trainer)` is true."""

    def one(self, train, samples, adam):
        self.step += 1
        return 1.0 if when(self) else self.take(train, samples, adam)

    return course(one=one)


def changing(change):
    return course(change=change)


def settings(adam, **changes):
    adam._settings = msgspec.structs.replace(adam._settings, **changes)


class Repeated(CourseTrainer):
    """Takes every thirteenth step twice."""

    def one(self, train, samples, adam):
        loss = super().one(train, samples, adam)
        return self.take(train, samples, adam) if self.step % 13 == 0 else loss


class Stale(CourseTrainer):
    """From some step on applies the gradient of the batch before."""

    kept = None

    def change(self, adam):
        gradient = self._network.gradient
        fresh = gradient.copy()
        if self.step >= FROM_STEP and self.kept is not None:
            gradient[...] = self.kept
        self.kept = fresh


class Accumulated(CourseTrainer):
    """From some step on averages the gradients of two batches, and steps once for both."""

    kept = None

    def take(self, train, samples, adam):
        if self.step < FROM_STEP or self.step % 2:
            self.kept = None if self.step < FROM_STEP else samples
            return super().take(train, samples, adam) if self.step < FROM_STEP else 1.0
        both = samples if self.kept is None else np.concatenate([self.kept, samples])
        half = len(both) // 2
        loss = 0.0
        gradients = []
        for part in (both[:half], both[half:]):
            logits = self._network.forward(train.inputs[part].astype(self._dtype, copy=False))
            self._network.backward(logits, train.targets[part])
            gradients.append(self._network.gradient.copy())
        self._network.gradient[...] = np.mean(gradients, axis=0)
        adam.update(self._network.parameters, self._network.gradient)
        return loss


class Averaged(CourseTrainer):
    """After `fit` has the mean of the weights that the epochs ended with."""

    def fit(self, train, validation, observer):
        self.ends = []
        super().fit(train, validation, observer)
        self.ends.append(self._network.parameters.copy())
        if len(self.ends) > 2:
            self._network.parameters[...] = np.mean(self.ends, axis=0)

    def before_epoch(self, adam):
        self.ends.append(self._network.parameters.copy())


class Restored(Averaged):
    """After `fit` has the weights of the epoch before the last, taken for the best."""

    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        if len(self.ends) > 2:
            self._network.parameters[...] = self.ends[-2]


class Smoothed(CourseTrainer):
    """Each epoch ends with a mean of its weights and those that the epoch before ended with."""

    def before_epoch(self, adam):
        now = self._network.parameters
        if self.epoch > 2:
            now[...] = 0.9 * now + 0.1 * self.kept
        self.kept = now.copy()


def forget(self, adam):
    if self.epoch == 3:
        adam._m[...] = adam._v[...] = adam._step = 0


def halved(self, adam):
    settings(adam, learning_rate=self._protocol.optimizer.learning_rate * 0.9 ** (self.epoch - 1))


def cosine(self, adam):
    rate = self._protocol.optimizer.learning_rate
    late = max(0, self.step - FROM_STEP)
    settings(adam, learning_rate=rate * (1 + math.cos(late / 300)) / 2)


def clip(self, adam):
    gradient = self._network.gradient
    norm = float(np.linalg.norm(gradient))
    if self.step >= FROM_STEP and norm > 1e-3:
        gradient *= np.float32(1e-3 / norm)


def decay(self, adam):
    if self.epoch >= 2:
        self._network.parameters *= np.float32(1 - 1e-4)


def noise(self, adam):
    if self.step >= FROM_STEP:
        gradient = self._network.gradient
        spread = 0.1 * float(np.abs(gradient).mean())
        gradient += np.random.default_rng(self.step).normal(0, spread, gradient.shape).astype("f4")


def rounding(when):
    def change(self, adam):
        if when(self):
            self._network.gradient[...] = to_bfloat16(self._network.gradient)

    return change


def half_weights(self, adam):
    if self.epoch % 2 == 0:
        self._network.parameters[...] = self._network.parameters.astype(np.float16)


def frozen(self, adam):
    if self.epoch >= 2:
        half = self._network.gradient.size // 2
        self._network.gradient[:half] = 0


def saturated(self, adam):
    adam._step = min(adam._step, 20)


def other_beta(self, adam):
    if self.epoch == 2:
        settings(adam, beta_2=0.99)


def smoothed_labels(self, adam):
    if self.epoch >= 2:
        self._network.gradient *= np.float32(0.95)


FAULTS = (
    Fault("every second step", "half of the steps are left out from the 12th on", LATE,
          skipping(lambda self: self.step >= FROM_STEP and self.step % 2 == 0)),
    Fault("now and then a step", "every 17th step is left out", LATE,
          skipping(lambda self: self.step % 17 == 0)),
    Fault("steps of the third epoch", "the third epoch takes half of its steps", LATE,
          skipping(lambda self: self.epoch == 3 and self.step % 2 == 0)),
    Fault("last epoch", "the fifth epoch takes no step", "order",
          skipping(lambda self: self.epoch == 5)),
    Fault("early stop", "nothing is trained from the third epoch on", LATE,
          course(idle=lambda self: self.epoch >= 3)),
    Fault("a step twice", "every 13th step is taken twice", LATE, Repeated),
    Fault("stale gradients", "from the 12th step on the gradient is the last batch's", LATE, Stale),
    Fault("accumulated later", "from the 12th step on two batches share one", LATE, Accumulated),
    Fault("averaged weights", "`fit` ends with the mean of the epochs' weights", "order", Averaged),
    Fault("restored weights", "`fit` ends with an earlier epoch's weights", "order", Restored),
    Fault("smoothed weights", "epochs end with a mean of two epochs' weights", LATE, Smoothed),
    Fault("state reset", "m, v and t are forgotten before the third epoch", LATE,
          course(before_epoch=forget)),
    Fault("rate by epoch", "the learning rate falls by a tenth an epoch", LATE,
          course(before_epoch=halved)),
    Fault("rate by step", "the learning rate falls from the 12th step on", LATE, changing(cosine)),
    Fault("clipped later", "gradients are clipped from the 12th step on", LATE, changing(clip)),
    Fault("decay later", "weights decay from the second epoch on", LATE, changing(decay)),
    Fault("noise later", "gradients have noise from the 12th step on", LATE, changing(noise)),
    Fault("bfloat16 later", "gradients are rounded from the 12th step on", LATE,
          changing(rounding(lambda self: self.step >= FROM_STEP))),
    Fault("bfloat16 now and then", "every 20th gradient is rounded", LATE,
          changing(rounding(lambda self: self.step % 20 == 0))),
    Fault("half precision in turn", "weights are rounded in every second epoch", LATE,
          changing(half_weights)),
    Fault("frozen later", "half of the weights stand still from the second epoch on", LATE,
          changing(frozen)),
    Fault("saturated bias correction", "t does not grow beyond 20", LATE, changing(saturated)),
    Fault("beta_2 later", "beta_2 is 0.99 from the second epoch on", LATE,
          course(before_epoch=other_beta)),
    Fault("smaller gradients later", "gradients shrink by 5 % from the second epoch on", LATE,
          changing(smoothed_labels)),
)  # fmt: skip
