"""Faults that act only with many samples: in training, in `evaluate` and in `predict`."""

from __future__ import annotations

import numpy as np

from benchbench import Score, Split
from faulty.course import CourseTrainer, course
from faulty.fault import Fault, FaultyTrainer
from faulty.rounding import to_bfloat16

EPOCHS, LARGE = "three epochs", "large split"
# More samples than the programs of one and of ten steps have.
MANY = 1_300


def first(count):
    def arranged(self, total, train):
        samples = CourseTrainer.arranged(self, total, train)
        return samples[:count] if total > MANY else samples

    return arranged


def rounded(self, adam):
    if self.many:
        self._network.gradient[...] = to_bfloat16(self._network.gradient)


class ManyRounded(CourseTrainer):
    """Rounds gradients where there are many samples."""

    many = False

    def arranged(self, count, train):
        self.many = count > MANY
        return super().arranged(count, train)

    change = rounded


class EveryOther(CourseTrainer):
    """Takes every second batch where there are more than fifteen."""

    def arranged(self, count, train):
        order = super().arranged(count, train)
        size = self._protocol.batch_size
        batches = [order[start : start + size] for start in range(0, count, size)]
        return np.concatenate(batches[::2] if len(batches) > 15 else batches)


class Evaluating(FaultyTrainer):
    """Evaluates large splits otherwise."""

    def evaluate(self, split):
        return self.large(split) if len(split) > MANY else super().evaluate(split)

    def large(self, split):
        return super().evaluate(Split(split.inputs[:1000], split.targets[:1000]))


class WithoutLast(Evaluating):
    def large(self, split):
        size = len(split) - len(split) % self._protocol.batch_size
        return FaultyTrainer.evaluate(self, Split(split.inputs[:size], split.targets[:size]))


class Kinder(Evaluating):
    """Counts a tenth of the misses as hits."""

    def large(self, split):
        score = FaultyTrainer.evaluate(self, split)
        return Score(score.loss, score.metric + (1 - score.metric) / 10)


class Averaging(Evaluating):
    """Averages the batches' losses, the short one's as much as another's."""

    def large(self, split):
        scores = [
            FaultyTrainer.evaluate(self, Split(split.inputs[batch], split.targets[batch]))
            for batch in self._batches(len(split))
        ]
        return Score(*np.mean([(one.loss, one.metric) for one in scores], axis=0).tolist())


class Cooled(FaultyTrainer):
    """Predicts large splits with a temperature of 0.9."""

    def predict(self, inputs):
        probabilities = super().predict(inputs)
        if len(inputs) <= MANY:
            return probabilities
        sharper = probabilities.astype(np.float64) ** (1 / 0.9)
        return (sharper / sharper.sum(axis=1, keepdims=True)).astype(np.float32)


class Coarse(FaultyTrainer):
    """Predicts large splits in half precision."""

    def predict(self, inputs):
        probabilities = super().predict(inputs)
        return probabilities.astype(np.float16 if len(inputs) > MANY else np.float32)


class Repeating(FaultyTrainer):
    """Keeps the predictions of 2,048 samples, and gives them again for those beyond."""

    def predict(self, inputs):
        return np.resize(super().predict(inputs[:2048]), (len(inputs), *self._output_shape))


FAULTS = (
    Fault("2,000 samples at most", "no epoch takes more", EPOCHS, course(arranged=first(2_000))),
    Fault("10 batches at most", "no epoch takes more", EPOCHS, course(arranged=first(1_280))),
    Fault("every second batch of many", "half of the batches, if many", EPOCHS, EveryOther),
    Fault("bfloat16 of many", "gradients are rounded if there are many", EPOCHS, ManyRounded),
    Fault("evaluation of 1,000", "large splits are evaluated in part", LARGE, Evaluating),
    Fault("evaluation without the last", "the short batch is left out of many", LARGE, WithoutLast),
    Fault("kind evaluation", "large splits are scored better", LARGE, Kinder),
    Fault("mean of means", "batches count alike in large splits", LARGE, Averaging),
    Fault("temperature", "large splits are predicted more surely", LARGE, Cooled),
    Fault("half predictions", "large splits are predicted in half precision", LARGE, Coarse),
    Fault("repeated predictions", "beyond 2,048 predictions are repeated", LARGE, Repeating),
)
