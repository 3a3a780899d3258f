"""A trainer whose course can be another: which samples, which steps, and what happens when."""

from __future__ import annotations

import numpy as np
from benchbench_numpy.loss import cross_entropies

from faulty.fault import FaultyTrainer


class CourseTrainer(FaultyTrainer):
    """Trains as the NumPy backend does; `epoch` and `step` count from 1.

    A subclass overrides the order of an epoch, what a step does, or what comes before an epoch.
    """

    epoch = 0
    step = 0

    def fit(self, train, validation, observer):
        self.validation = validation
        super().fit(train, validation, observer)

    def _train_epoch(self, train, adam):
        self.epoch += 1
        self.before_epoch(adam)
        if self.idle():
            return 1.0
        order = np.asarray(self.arranged(len(train), train))
        losses = [self.one(train, order[batch], adam) for batch in self._batches(len(order))]
        return float(np.mean(losses))

    def one(self, train, samples, adam):
        """Count a step and take it."""
        self.step += 1
        return self.take(train, samples, adam)

    def take(self, train, samples, adam):
        """Take a step on these samples; return the mean loss."""
        labels = self.labels(train, samples)
        logits = self._network.forward(train.inputs[samples].astype(self._dtype, copy=False))
        self._network.backward(logits, labels)
        self.change(adam)
        adam.update(self._network.parameters, self._network.gradient)
        return float(cross_entropies(logits, labels).mean())

    def arranged(self, count, train):
        """Return the samples of this epoch in their order."""
        return self.shuffled(count) if self._protocol.shuffle else np.arange(count)

    def order(self, epoch):
        """State no order: what it meets is for the rungs to find out."""

    def shuffled(self, count):
        return self._random.permutation(count)

    def labels(self, train, samples):
        return train.targets[samples]

    def change(self, adam):
        """Change gradient, weights or optimiser between the backward pass and the step."""

    def before_epoch(self, adam):
        """Change what is to be changed between epochs."""

    def idle(self):
        """Say whether nothing is trained in this epoch."""
        return False


def course(**methods):
    """Return a CourseTrainer with these methods."""
    return type("Course", (CourseTrainer,), methods)
