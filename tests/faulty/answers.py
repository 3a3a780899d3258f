"""Faults of the answers after training: scores and predictions of other weights or samples."""

from __future__ import annotations

import numpy as np

from benchbench import Score
from faulty.batches import taken
from faulty.fault import Fault, FaultyTrainer


class ShortBatchNotEvaluated(FaultyTrainer):
    def evaluate(self, split):
        count = len(split) - len(split) % self._protocol.batch_size or len(split)
        return super().evaluate(taken(split, slice(count)))


class MeanOfBatchMeans(FaultyTrainer):
    def evaluate(self, split):
        scores = [
            FaultyTrainer.evaluate(self, taken(split, batch)) for batch in self._batches(len(split))
        ]
        loss = float(np.mean([score.loss for score in scores]))
        return Score(loss, float(np.mean([score.metric for score in scores])))


class CapturedAtTheStart(FaultyTrainer):
    """Compiles `predict` with the weights it is given, as a closure under `jit` would."""

    def set_variables(self, arrays):
        super().set_variables(arrays)
        self.capture()

    def capture(self):
        self.captured = self._network.parameters.copy()

    def with_captured(self, answer, samples):
        weights = self._network.parameters.copy()
        self._network.parameters[...] = self.captured
        answered = answer(samples)
        self._network.parameters[...] = weights
        return answered

    def predict(self, inputs):
        return self.with_captured(super().predict, inputs)


class CapturedAtFirstPrediction(CapturedAtTheStart):
    """Compiles `predict` when it is called for the first time, with the weights of that time."""

    captured = None

    def set_variables(self, arrays):
        FaultyTrainer.set_variables(self, arrays)

    def predict(self, inputs):
        if self.captured is None:
            self.capture()
        return super().predict(inputs)


class CapturedAtFirstEvaluation(CapturedAtFirstPrediction):
    """Compiles `evaluate` when it is called for the first time, with the weights of that time."""

    def predict(self, inputs):
        return FaultyTrainer.predict(self, inputs)

    def evaluate(self, split):
        if self.captured is None:
            self.capture()
        return self.with_captured(super().evaluate, split)


class ShortBatchNotPredicted(FaultyTrainer):
    def predict(self, inputs):
        count = len(inputs) - len(inputs) % self._protocol.batch_size or len(inputs)
        return super().predict(inputs[:count])


class SharedBuffer(FaultyTrainer):
    """Gives views of the buffer that every batch's probabilities are written to."""

    def predict(self, inputs):
        size = self._protocol.batch_size
        buffer = np.empty((size, *self._output_shape), np.float32)
        views = []
        for batch in self._batches(len(inputs)):
            view = buffer[: batch.stop - batch.start]
            view[...] = super().predict(inputs[batch])
            views.append(view)
        return np.concatenate(views)


EVALUATION, PREDICTIONS = "evaluation", "predictions"

FAULTS = (
    Fault(
        "short batch not evaluated",
        "the last batch is left out of the evaluation",
        EVALUATION,
        ShortBatchNotEvaluated,
    ),
    Fault(
        "batch means averaged",
        "the short batch counts as much as a whole one",
        EVALUATION,
        MeanOfBatchMeans,
    ),
    Fault(
        "stale evaluation",
        "`evaluate` keeps the weights of its first call",
        EVALUATION,
        CapturedAtFirstEvaluation,
    ),
    Fault(
        "predictions of the first weights",
        "`predict` keeps the weights that were given",
        PREDICTIONS,
        CapturedAtTheStart,
    ),
    Fault(
        "stale predictions",
        "`predict` keeps the weights of its first call",
        PREDICTIONS,
        CapturedAtFirstPrediction,
    ),
    Fault(
        "short batch not predicted",
        "`predict` leaves the last batch out",
        PREDICTIONS,
        ShortBatchNotPredicted,
    ),
    Fault(
        "predictions in one buffer",
        "every batch's probabilities overwrite those before",
        PREDICTIONS,
        SharedBuffer,
    ),
)
