"""A candidate beside the reference: what is compared at each rung, from one starting point."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchbench.certify import diagnosis
from benchbench.certify.exercise import (
    ONE_STEP,
    PROGRAMS,
    SATURATED,
    TEN_STEPS,
    Arrays,
    Exercise,
    Implementation,
    Program,
    Row,
    as_row,
    call,
    relative_difference,
)
from benchbench.certify.order import disorders
from benchbench.certify.reference import ATTEMPTS, Reference
from benchbench.certify.rungs import RUNGS, Finding, Measure, tolerance_of
from benchbench.certify.suspects import Suspects, suspected_scores
from benchbench.certify.tolerances import MARGIN
from benchbench.data.dataset import Split
from benchbench.errors import Unsupported
from benchbench.plugins.contract import Score, Trainer

# Probabilities nearer to each other than this may change places in float32.
_TIE = 1e-5


class CandidateMeasures:
    """A candidate and the reference at the same exercise. Raises what the candidate raises."""

    def __init__(self, candidate: Implementation, reference: Reference, exercise: Exercise) -> None:
        self._candidate = candidate
        self._reference = reference
        self._exercise = exercise
        self._trainers: dict[tuple[str, Program], Trainer] = {}
        self._gone_through: set[tuple[str, Program]] = set()
        self._asked: set[tuple[str, str]] = set()

    def measures(self) -> list[Measure]:
        """Return the rungs in the order of `RUNGS`, but for the first, the data."""
        found = [
            Measure("architecture", "arrays that come back other than given", self._architecture),
            Measure("forward", "|| p - reference's || / || reference's ||", self._forward),
            Measure("loss", "|loss - reference's|, relative above 1 nat", self._loss),
            *(self._of_update(program) for program in PROGRAMS),
            Measure("evaluation", "as loss, with a short last batch, after a step", self._scored),
            Measure("predictions", "as forward, after a step", self._predicted),
            Measure(
                "order",
                "samples used other than once an epoch, in batches drawn anew",
                lambda _: self._order(),
                own_start=True,
            ),
        ]
        return sorted(found, key=lambda one: RUNGS.index(one.rung))

    def settings(self) -> dict[str, str | int | float | bool]:
        """Return what the candidate says of a trainer that has trained."""
        settings: dict[str, str | int | float | bool] = self._after(SATURATED, ONE_STEP).settings()
        return settings

    def fingerprint(self) -> str:
        """Return the SHA-256 of the samples that both sides are given."""
        split, training = self._exercise.evaluation, self._exercise.training(TEN_STEPS)
        digest = hashlib.sha256()
        for array in (split.inputs, split.targets, training.inputs, training.targets):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def _of_update(self, program: Program) -> Measure:
        words = "|| update - reference's || / || reference's ||, beyond rounding"
        return Measure(program.name, words, lambda start: self._update(start, program))

    def _architecture(self, start: str) -> Finding:
        given = self._reference.start(start, ONE_STEP)
        trainer = self._trainer(start)
        arrays = call("variables", trainer.variables)
        shapes = tuple(np.shape(array) for array in arrays)
        if shapes != self._exercise.model.variable_shapes:
            words = diagnosis.of_shapes(self._exercise.model, shapes)
            return Finding(None, lambda: words)
        changed = [
            index
            for index, (ours, theirs) in enumerate(zip(given, arrays, strict=True))
            if not np.array_equal(ours, theirs)
        ]
        return Finding(
            float(len(changed)),
            lambda: diagnosis.of_returned(self._exercise.model, given, arrays, changed),
        )

    def _forward(self, start: str) -> Finding:
        self._asked.add(("forward", start))
        return self._compare_predictions(self._trainer(start), start, self._exercise.batch)

    def _loss(self, start: str) -> Finding:
        self._asked.add(("loss", start))
        return self._compare_scores(self._trainer(start), start, self._exercise.batch)

    def _update(self, start: str, program: Program) -> Finding:
        """Measure an update; one that is off on two other draws too, for a fault shows on each.

        Off is what is more than right implementations were seen to be: they are often far below
        it, and now and then, where a near tie went the other way, far above.
        """
        finding = self._attempt(start, program, 0)
        for attempt in range(1, ATTEMPTS):
            if _size(finding) > tolerance_of(program.name)[0] / MARGIN:
                finding = min(finding, self._attempt(start, program, attempt), key=_size)
        return finding

    def _attempt(self, start: str, program: Program, attempt: int) -> Finding:
        given = self._reference.start(start, program, attempt)
        expected = self._reference.update(start, program, attempt)
        if attempt == 0:
            trainer = self._after(start, program)
        else:
            draw = self._reference.draw(start, program, attempt)
            trainer = self._candidate.train(self._exercise, given, program, draw)
        before = as_row(given)
        observed = as_row(call("variables", trainer.variables)) - before
        rounding = program.steps * _rounding(before + expected)
        beyond = np.maximum(np.abs(observed - expected) - rounding, 0)
        return Finding(
            _finite(relative_difference(expected + beyond, expected)),
            lambda: self._look(program, given, expected, observed),
        )

    def _look(self, program: Program, given: Arrays, expected: Row, observed: Row) -> str:
        return diagnosis.of_update(
            self._exercise.model,
            self._exercise.protocol,
            expected,
            observed,
            first=program == ONE_STEP,
            program=program,
            given=given,
        )

    def _scored(self, start: str) -> Finding:
        trainer = self._after(start, ONE_STEP)
        return self._compare_scores(trainer, start, self._exercise.evaluation, own=True)

    def _predicted(self, start: str) -> Finding:
        trainer = self._after(start, ONE_STEP)
        return self._compare_predictions(trainer, start, self._exercise.evaluation, own=True)

    def _order(self) -> Finding:
        size, seed = self._exercise.protocol.batch_size, self._exercise.seed
        try:
            found = disorders(self._candidate, size, seed=seed)
        except Unsupported as refusal:
            words = f"the backend refuses the network by which the order is read: {refusal}"
            return Finding(None, lambda: words)
        worst = max((one.sample_count for one in found), default=0)
        return Finding(float(worst), lambda: "; ".join(one.words for one in found))

    def _compare_predictions(
        self, trainer: Trainer, start: str, split: Split, *, own: bool = False
    ) -> Finding:
        """Compare with what the reference predicts from the start, or from the trainer's `own`."""
        weights = self._weights(trainer, start, own=own)
        expected = self._reference.predict(weights, split.inputs)
        observed = np.asarray(call("predict", trainer.predict, split.inputs))
        if observed.shape != expected.shape:
            words = f"`predict` gives {observed.shape}, expected {expected.shape} (n, classes)"
            return Finding(None, lambda: words)
        return Finding(
            _finite(relative_difference(observed, expected)),
            lambda: diagnosis.of_predictions(
                expected, observed, trained=own, suspects=self._suspects(weights, start, split, own)
            ),
        )

    def _compare_scores(
        self, trainer: Trainer, start: str, split: Split, *, own: bool = False
    ) -> Finding:
        weights = self._weights(trainer, start, own=own)
        expected = self._reference.evaluate(weights, split)
        observed: Score = call("evaluate", trainer.evaluate, split)
        probabilities = np.sort(self._reference.predict(weights, split.inputs), axis=1)
        ties = int((probabilities[:, -1] - probabilities[:, -2] < _TIE).sum())
        miscounted = max(0.0, abs(observed.metric - expected.metric) - (ties + 0.4) / len(split))
        of_loss = abs(observed.loss - expected.loss) / max(1.0, abs(expected.loss))
        return Finding(
            _finite(max(of_loss, miscounted)),
            lambda: diagnosis.of_score(
                expected,
                observed,
                len(split),
                short=own,
                suspected=self._suspected_scores(weights, start, split) if own else (),
            ),
        )

    def _suspects(self, weights: Arrays, start: str, split: Split, own: bool) -> Suspects:
        older = self._reference.start(start, ONE_STEP) if own else None
        model, predict = self._exercise.model, self._reference.predict
        return Suspects(model, weights, split.inputs, predict, older)

    def _suspected_scores(
        self, weights: Arrays, start: str, split: Split
    ) -> Iterator[tuple[str, Score]]:
        older = self._reference.start(start, ONE_STEP)
        size = self._exercise.protocol.batch_size
        return suspected_scores(self._reference.evaluate, split, weights, older, batch_size=size)

    def _weights(self, trainer: Trainer, start: str, *, own: bool) -> Arrays:
        if own:
            weights: Arrays = call("variables", trainer.variables)
            return weights
        return self._reference.start(start, ONE_STEP)

    # Trainers: one that has been set and asked and then takes the first step, one for each of the
    # longer programs.

    def _trainer(self, start: str, program: Program = ONE_STEP) -> Trainer:
        """Return the trainer for the program; that of the first step is asked before it."""
        key = start, program
        if key not in self._trainers:
            weights = self._reference.start(start, program)
            self._trainers[key] = self._candidate.trainer(
                self._exercise, weights, epochs=program.epochs
            )
        return self._trainers[key]

    def _after(self, start: str, program: Program) -> Trainer:
        """Return the trainer that has gone through the program, once."""
        key = start, program
        if key not in self._gone_through:
            if program == ONE_STEP:
                # Asked before it learns, whatever the order of the rungs: an answer that it has
                # kept shows after the step.
                if ("forward", start) not in self._asked:
                    self._forward(start)
                if ("loss", start) not in self._asked:
                    self._loss(start)
            trainer, draw = self._trainer(start, program), self._reference.draw(start, program)
            self._candidate.fit(trainer, self._exercise, program, draw)
            self._gone_through.add(key)
        return self._trainers[key]


def _rounding(weights: Row) -> Row:
    """Return what rounding to float32 moves weights by at most: half the distance to the next."""
    return np.spacing(np.abs(weights).astype(np.float32)).astype(np.float64) / 2


def _size(finding: Finding) -> float:
    return math.inf if finding.difference is None else finding.difference


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
