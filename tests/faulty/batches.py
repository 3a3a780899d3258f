"""Faults of the batches: what is trained on, in which order, how often, with which labels."""

from __future__ import annotations

import msgspec
import numpy as np

from benchbench import Split
from faulty.fault import Fault, FaultyTrainer

ONE_STEP, TWO_STEPS = "update after 1 step", "update after 2 steps"
TEN_STEPS, TWO_EPOCHS = "update after 10 steps", "optimiser state"


def taken(split, rows):
    """Return these rows of a split, in this order."""
    return Split(split.inputs[rows], split.targets[rows])


class OtherSamples(FaultyTrainer):
    """Trains on other samples of the epoch than it is told, or in another order."""

    def rows(self, count):
        """Return the samples of an epoch; here all but those of the last, short batch."""
        return np.arange(count - count % self._protocol.batch_size or count)

    def _train_epoch(self, train, adam):
        return super()._train_epoch(taken(train, self.rows(len(train))), adam)


class FifthBatchSkipped(OtherSamples):
    """Loses the batch in flight when a buffer of four is filled again."""

    def rows(self, count):
        size = self._protocol.batch_size
        return np.delete(np.arange(count), np.s_[4 * size : 5 * size])


class FifthBatchTwice(OtherSamples):
    """Hands out the batch in flight once more when a buffer of four is filled again."""

    def rows(self, count):
        size = self._protocol.batch_size
        return np.insert(
            np.arange(count), min(5 * size, count), np.arange(count)[4 * size :][:size]
        )


class ShortBatchFilledUp(OtherSamples):
    """Fills the last batch up with the first samples, so that every batch has one shape."""

    def rows(self, count):
        return np.arange(count + -count % self._protocol.batch_size) % count


class FirstBatchTwice(OtherSamples):
    """Takes a step to warm up (to compile), and keeps what it learnt."""

    def rows(self, count):
        return np.concatenate([np.arange(self._protocol.batch_size), np.arange(count)])


class SecondEpochReversed(OtherSamples):
    """Goes through the samples in the order told in the first epoch only."""

    epochs = 0

    def rows(self, count):
        self.epochs += 1
        return np.arange(count) if self.epochs == 1 else np.arange(count)[::-1]


class Shuffling(FaultyTrainer):
    """Shuffles, as the default of its loader is."""

    def __init__(self, model, protocol, **choices):
        super().__init__(model, msgspec.structs.replace(protocol, shuffle=True), **choices)


class OneEpoch(FaultyTrainer):
    """Trains for one epoch, whatever it is told."""

    def __init__(self, model, protocol, **choices):
        super().__init__(model, msgspec.structs.replace(protocol, epochs=1), **choices)


class ValidationTrainedOn(FaultyTrainer):
    """Trains on everything it is given."""

    def fit(self, train, validation, observer):
        images = np.concatenate([train.inputs, validation.inputs])
        labels = np.concatenate([train.targets, validation.targets])
        super().fit(Split(images, labels), validation, observer)


class SharedShortBatch(FaultyTrainer):
    """Divides the short batch's gradient by the size of a whole one."""

    def _train_epoch(self, train, adam):
        network, size = self._network, self._protocol.batch_size
        backward = network.backward

        def divided(logits, labels):
            backward(logits, labels)
            network.gradient *= np.float32(len(labels) / size)

        network.backward = divided
        loss = super()._train_epoch(train, adam)
        del network.backward
        return loss


class LabelsOfOneClassOff(FaultyTrainer):
    """Takes one class for the next."""

    def _train_epoch(self, train, adam):
        return super()._train_epoch(self.off(train), adam)

    def evaluate(self, split):
        return super().evaluate(self.off(split))

    def off(self, split):
        labels = np.where(split.targets == 1, 2, split.targets)
        return Split(split.inputs, labels)


class LabelsOutOfStep(FaultyTrainer):
    """Trains every image with its neighbour's label."""

    def _train_epoch(self, train, adam):
        return super()._train_epoch(Split(train.inputs, np.roll(train.targets, 1)), adam)


FAULTS = (
    Fault("labels of one class off", "1 is taken for 2", "loss", LabelsOfOneClassOff),
    Fault("labels out of step", "images have their neighbours' labels", ONE_STEP, LabelsOutOfStep),
    Fault(
        "validation trained on", "validation images are trained on", ONE_STEP, ValidationTrainedOn
    ),
    Fault("first batch twice", "a step taken to warm up counts", ONE_STEP, FirstBatchTwice),
    Fault("short batch not trained on", "the last batch is dropped", TWO_STEPS, OtherSamples),
    Fault(
        "short batch filled up",
        "the last batch is filled up with the first samples",
        TWO_STEPS,
        ShortBatchFilledUp,
    ),
    Fault(
        "short batch underweighted",
        "the last batch's gradient is divided by the size of a whole one",
        TWO_STEPS,
        SharedShortBatch,
    ),
    Fault("shuffling", "samples are shuffled though told not to", TWO_STEPS, Shuffling),
    Fault("one batch skipped", "the fifth batch is lost", TEN_STEPS, FifthBatchSkipped),
    Fault("a batch used twice", "the fifth batch comes twice", TEN_STEPS, FifthBatchTwice),
    Fault(
        "second epoch reversed",
        "the second epoch goes through the samples backwards",
        TWO_EPOCHS,
        SecondEpochReversed,
    ),
    Fault("one epoch", "one epoch is trained, whatever is told", TWO_EPOCHS, OneEpoch),
)
