"""A trainer's loss and predictions beside the reference's, at the same weights."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify import diagnosis
from benchbench.certify.answer_limits import answer_limit, moved_loss, moved_predictions
from benchbench.certify.calls import call
from benchbench.certify.exercise import ONE_STEP, Exercise, relative_difference
from benchbench.certify.metrics import decision_count, loss_difference, miscount
from benchbench.certify.mistaken_losses import mistaken_losses
from benchbench.certify.reference import Reference
from benchbench.certify.rows import Arrays, Row, as_row
from benchbench.certify.rungs import Finding, finite, limit_of
from benchbench.certify.suspects import Suspects, suspected_scores
from benchbench.certify.variants import mistaken_predictions
from benchbench.data.dataset import Split
from benchbench.plugins.contract import Score, Trainer


class AnswerMeasures:
    """Compares what a trainer answers of a split; raises what the trainer raises."""

    def __init__(self, reference: Reference, exercise: Exercise) -> None:
        self._reference = reference
        self._exercise = exercise
        self._latest: tuple[Split, Row, npt.NDArray[Any]] | None = None

    def predictions(
        self, trainer: Trainer, start: str, split: Split, *, own: bool = False
    ) -> Finding:
        """Compare with what the reference predicts from the start, or from the trainer's `own`."""
        weights = self._weights(trainer, start, own=own)
        expected = self._outputs(weights, split)
        observed = np.asarray(call("predict", trainer.predict, split.inputs))
        if observed.shape != expected.shape:
            words = f"`predict` gives {observed.shape}, expected {expected.shape}"
            return Finding(None, lambda: words)
        difference = relative_difference(observed, expected)
        return Finding(
            finite(difference),
            lambda: diagnosis.of_predictions(
                expected,
                observed,
                task=self._exercise.task,
                trained=own,
                suspects=self._suspects(weights, start, split, own),
            ),
            answer_limit(
                difference,
                limit_of("forward", self._exercise.model),
                lambda: moved_predictions(self._reference, weights, split),
            ),
        )

    def scores(self, trainer: Trainer, start: str, split: Split, *, own: bool = False) -> Finding:
        weights = self._weights(trainer, start, own=own)
        expected = self._reference.evaluate(weights, split)
        observed: Score = call("evaluate", trainer.evaluate, split)
        task, outputs = self._exercise.task, self._outputs(weights, split)
        miscounted = miscount(task, expected.metric, observed.metric, outputs)
        of_loss = loss_difference(task, expected.loss, observed.loss)
        limit = answer_limit(
            of_loss,
            limit_of("loss", self._exercise.model),
            lambda: moved_loss(self._reference, weights, split, task),
        )
        return Finding(
            finite(max(of_loss, miscounted)),
            lambda: diagnosis.of_score(
                expected,
                observed,
                decision_count(task, outputs),
                task=task,
                short=own,
                suspected=self._suspected_scores(weights, start, split) if own else (),
                mistaken=mistaken_losses(
                    self._reference, self._exercise, weights, split, expected.loss
                ),
            ),
            limit,
        )

    def _suspects(self, weights: Arrays, start: str, split: Split, own: bool) -> Suspects:
        older = self._reference.start(start, ONE_STEP) if own else None
        model, predict = self._exercise.model, self._reference.predict
        others = functools.partial(
            mistaken_predictions, self._reference, self._exercise, weights, split
        )
        return Suspects(model, weights, split.inputs, predict, older, others)

    def _suspected_scores(
        self, weights: Arrays, start: str, split: Split
    ) -> Iterator[tuple[str, Score]]:
        older = self._reference.start(start, ONE_STEP)
        size = self._exercise.protocol.batch_size
        return suspected_scores(self._reference.evaluate, split, weights, older, batch_size=size)

    def _outputs(self, weights: Arrays, split: Split) -> npt.NDArray[Any]:
        """Return what the reference predicts; loss and predictions are compared on the same."""
        row = as_row(weights)
        if (
            self._latest is None
            or self._latest[0] is not split
            or not np.array_equal(self._latest[1], row)
        ):
            self._latest = split, row, self._reference.predict(weights, split.inputs)
        return self._latest[2]

    def _weights(self, trainer: Trainer, start: str, *, own: bool) -> Arrays:
        if own:
            weights: Arrays = call("variables", trainer.variables)
            return weights
        return self._reference.start(start, ONE_STEP)
