"""Siblings of the faults that act late, under conditions that those do not have.

All state NumPy's order, whatever they do; `batch_size` of a protocol says in which run they act.
"""

from __future__ import annotations

import msgspec
import numpy as np
from benchbench_numpy.trainer import NumpyTrainer

from faulty import shuffling
from faulty.course import CourseTrainer, course
from faulty.disguised import MixedSamples, disguised, moving, some_labels, warming_up
from faulty.fault import DEFAULT_PROTOCOL, Fault
from faulty.later import skipping

# Of 4,800 samples batches of 96 are all whole.
_WHOLE = msgspec.structs.replace(DEFAULT_PROTOCOL, batch_size=96)


def honest(trainer):
    """Have a trainer of another course state NumPy's order."""
    trainer.order = NumpyTrainer.order
    return trainer


def large_batches(trainer):
    return trainer._protocol.batch_size > 100 and trainer.step % 2


def last_batch_of_an_epoch(before, after, trainer):
    """The last step of an epoch counts twice."""
    last = trainer.step % trainer.steps_an_epoch == 0
    return after + (after - before) if last else after


class LastBatchTwice(moving(last_batch_of_an_epoch)):
    def fit(self, train, validation, observer):
        self.steps_an_epoch = -(-len(train) // self._protocol.batch_size)
        super().fit(train, validation, observer)


def all_whole(trainer, train):
    return len(train) % trainer._protocol.batch_size == 0


class LateStepSkipped(CourseTrainer):
    """Leaves out every second step from the hundredth on: the certificate has 75 at most."""

    def one(self, train, samples, adam):
        self.step += 1
        if self.step > 100 and self.step % 2:
            return 1.0
        return self.take(train, samples, adam)


class SharedShortBatch(CourseTrainer):
    """Divides the gradient of a short batch by the size of a whole one, where it shuffles."""

    def change(self, adam):
        if self._protocol.shuffle:
            self._network.gradient *= np.float32(self.taken / self._protocol.batch_size)

    def take(self, train, samples, adam):
        self.taken = len(samples)
        return super().take(train, samples, adam)


class AverageEvaluated(CourseTrainer):
    """Evaluates and predicts with the running mean of the weights, and keeps the weights."""

    def take(self, train, samples, adam):
        loss = super().take(train, samples, adam)
        mean = getattr(self, "mean", self._network.parameters.copy())
        self.mean = np.float32(0.9) * mean + np.float32(0.1) * self._network.parameters
        return loss

    def evaluate(self, split):
        return self.with_mean(lambda: super(AverageEvaluated, self).evaluate(split))

    def predict(self, inputs):
        return self.with_mean(lambda: super(AverageEvaluated, self).predict(inputs))

    def with_mean(self, ask):
        kept = self._network.parameters.copy()
        self._network.parameters[...] = getattr(self, "mean", kept)
        try:
            return ask()
        finally:
            self._network.parameters[...] = kept


def where_shuffled(draw):
    """Return a trainer that draws so where it is to shuffle."""

    def arranged(self, count, train):
        return draw(self, count, train) if self._protocol.shuffle else np.arange(count)

    return course(arranged=arranged)


def by_the_data(trainer, count, train):
    """The order comes from the data, and not from the seed."""
    if trainer.epoch == 1:
        trainer._random = np.random.default_rng(int(train.inputs[:100].sum() * 1000))
    return trainer.shuffled(count)


def pairs_of_seeds(trainer, count, train):
    """Seeds 0 and 1 are alike, and 2 and 3."""
    if trainer.epoch == 1:
        trainer._random = np.random.default_rng(trainer._seed // 2)
    return trainer.shuffled(count)


def once_of_96(trainer, count, train):
    of_96 = trainer._protocol.batch_size == 96
    return shuffling.once(trainer, count, train) if of_96 else trainer.shuffled(count)


def late_samples_unlabelled(self, train, samples):
    """Samples beyond the 3,100th have the label of the first."""
    return np.where(samples < 3_100, train.targets[samples], train.targets[0])


FAULTS = (
    Fault("large batches", "half of the steps, of more than 100", "", skipping(large_batches)),
    Fault("last batch twice", "the last step of an epoch counts twice", "", LastBatchTwice),
    Fault(
        "whole batches only",
        "the last is left out where all are whole",
        "",
        disguised(
            skipping(lambda one: one.step % (4800 // one._protocol.batch_size) == 0), all_whole
        ),
        protocol=_WHOLE,
    ),
    Fault("mixed samples", "samples are averaged with their neighbours", "", MixedSamples),
    Fault("labels swapped", "one label of a thousand is wrong", "", course(labels=some_labels)),
    Fault("warm-up", "the rate grows over 20 steps", "", moving(warming_up)),
    Fault("from step 100", "half of the steps, from the 100th on", "", LateStepSkipped),
    Fault("short batch shared", "its gradient is divided by 128", "", SharedShortBatch),
    Fault("average evaluated", "a mean is evaluated and not stored", "", AverageEvaluated),
    Fault("order of the data", "the data settle the order", "", where_shuffled(by_the_data)),
    Fault("seeds in pairs", "seeds 2n and 2n + 1 are alike", "", where_shuffled(pairs_of_seeds)),
    Fault(
        "late samples",
        "samples beyond the 3,100th have one label",
        "",
        course(labels=late_samples_unlabelled),
    ),
    Fault(
        "sixth epoch",
        "the sixth epoch takes no step",
        "",
        course(idle=lambda one: one.epoch == 6),
    ),
    Fault(
        "fixed by the batch's size",
        "one order where batches are of 96",
        "",
        where_shuffled(once_of_96),
        protocol=_WHOLE,
    ),
)
for _fault in FAULTS:
    honest(_fault.trainer)
