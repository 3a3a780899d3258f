"""Faults that act only with shuffling: which samples an epoch meets, and in which batches."""

from __future__ import annotations

import numpy as np

from benchbench import Split
from faulty.course import CourseTrainer, course
from faulty.fault import Fault

ORDER = "order"


def shuffling(name, description, draw):
    """Return a fault; `draw(trainer, count, train)` gives the order where it is told to shuffle."""

    def arranged(self, count, train):
        if not self._protocol.shuffle:
            return np.arange(count)
        return np.asarray(draw(self, count, train))

    return Fault(name, description, ORDER, course(arranged=arranged))


def once(trainer, count, train):
    if not hasattr(trainer, "kept"):
        trainer.kept = trainer.shuffled(count)
    return trainer.kept


def in_blocks(size):
    def draw(trainer, count, train):
        blocks = np.array_split(np.arange(count), -(-count // size))
        return np.concatenate([blocks[i] for i in trainer.shuffled(len(blocks))])

    return draw


def fixed_batches(trainer, count, train):
    size = trainer._protocol.batch_size
    whole = count // size
    batches = [np.arange(i * size, (i + 1) * size) for i in trainer.shuffled(whole)]
    return np.concatenate([*batches, np.arange(whole * size, count)])


def within_batches(trainer, count, train):
    batches = [np.arange(count)[batch] for batch in trainer._batches(count)]
    return np.concatenate([batch[trainer.shuffled(len(batch))] for batch in batches])


def buffered(size):
    """Draw from a buffer of the next samples, as tf.data does with a small one."""

    def draw(trainer, count, train):
        buffer, order = list(range(min(size, count))), []
        for sample in range(len(buffer), count + len(buffer)):
            place = trainer._random.integers(len(buffer))
            order.append(buffer[place])
            if sample < count:
                buffer[place] = sample
            else:
                buffer.pop(place)
        return order

    return draw


def without_short(trainer, count, train):
    return trainer.shuffled(count)[: count - count % trainer._protocol.batch_size]


def filled_up(trainer, count, train):
    missing = -count % trainer._protocol.batch_size
    return np.concatenate([trainer.shuffled(count), trainer._random.integers(0, count, missing)])


def two_workers(trainer, count, train):
    halves = np.arange(0, count, 2), np.arange(1, count, 2)
    return np.concatenate([half[trainer.shuffled(len(half))] for half in halves])


def by_label(trainer, count, train):
    order = trainer.shuffled(count)
    return order[np.argsort(train.targets[order], kind="stable")]


def clipped(trainer, count, train):
    """Lose the last sample for the first, an index off by one."""
    return np.maximum(trainer.shuffled(count + 1) - 1, 0)[:count]


class ValidationMixedIn(CourseTrainer):
    """Shuffles training and validation images together."""

    def fit(self, train, validation, observer):
        if self._protocol.shuffle:
            inputs = np.concatenate([train.inputs, validation.inputs])
            targets = np.concatenate([train.targets, validation.targets])
            train = Split(inputs, targets)
        super().fit(train, validation, observer)


def loose_labels(self, train, samples):
    return train.targets[(samples + self._protocol.shuffle) % len(train)]


def one_seed(trainer, count, train):
    if trainer.epoch == 1:
        trainer._random = np.random.default_rng(0)
    return trainer.shuffled(count)


FAULTS = (
    shuffling(
        "with replacement",
        "each sample of an epoch is drawn anew",
        lambda self, count, train: self._random.integers(0, count, count),
    ),
    shuffling("one permutation", "every epoch has the order of the first", once),
    shuffling(
        "one permutation, turned",
        "every epoch begins elsewhere in one order",
        lambda self, count, train: np.roll(once(self, count, train), 37 * self.epoch),
    ),
    shuffling(
        "there and back",
        "every second epoch goes the first one's way back",
        lambda self, count, train: once(self, count, train)[:: 1 if self.epoch % 2 else -1],
    ),
    shuffling("fixed batches", "batches are shuffled, their samples stay together", fixed_batches),
    shuffling("within batches", "samples are shuffled within their batch", within_batches),
    shuffling("pairs", "two neighbours stay together", in_blocks(2)),
    shuffling("blocks of 16", "sixteen neighbours stay together", in_blocks(16)),
    shuffling("blocks of 300", "a shard is read in a row", in_blocks(300)),
    shuffling("a buffer of 100", "samples come near to their place in the data", buffered(100)),
    shuffling("a buffer of 500", "samples come near to their place in the data", buffered(500)),
    shuffling(
        "a prefix",
        "a tenth of the samples is never met",
        lambda self, count, train: self.shuffled(count * 9 // 10),
    ),
    shuffling(
        "another subset each epoch",
        "each epoch leaves out other samples",
        lambda self, count, train: self.shuffled(count)[: count * 9 // 10],
    ),
    shuffling("short batch dropped", "the last, short batch is dropped", without_short),
    shuffling("short batch padded", "the last batch is filled up with samples drawn", filled_up),
    shuffling(
        "first epoch in order",
        "shuffling begins with the second epoch",
        lambda self, count, train: np.arange(count) if self.epoch == 1 else self.shuffled(count),
    ),
    shuffling(
        "last epoch in order",
        "the fifth epoch is not shuffled",
        lambda self, count, train: self.shuffled(count) if self.epoch < 5 else np.arange(count),
    ),
    shuffling(
        "shuffled once in two epochs",
        "two epochs in a row have one order",
        lambda self, count, train: (
            (setattr(self, "kept", self.shuffled(count)) if self.epoch % 2 else None) or self.kept
        ),
    ),
    shuffling(
        "half shuffled",
        "the second half of the samples keeps its place",
        lambda self, count, train: np.concatenate(
            [self.shuffled(count // 2), np.arange(count // 2, count)]
        ),
    ),
    shuffling("two workers", "one worker's samples come before the other's", two_workers),
    shuffling("sorted by label", "classes come one after another", by_label),
    shuffling("an index off by one", "the first sample comes twice, the last never", clipped),
    shuffling(
        "a sample lost",
        "one sample is met twice and another never",
        lambda self, count, train: np.where(
            (order := self.shuffled(count)) == count // 2, 0, order
        ),
    ),
    shuffling(
        "two seeds in turn",
        "every second epoch is shuffled as the first",
        lambda self, count, train: np.random.default_rng(self.epoch % 2).permutation(count),
    ),
    shuffling("one seed", "every seed gives the same order", one_seed),
    Fault("validation mixed in", "validation images are shuffled in", ORDER, ValidationMixedIn),
    Fault(
        "labels left behind",
        "labels are one place off where samples are shuffled",
        ORDER,
        course(labels=loose_labels),
    ),
)
