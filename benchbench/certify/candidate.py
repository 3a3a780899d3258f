"""A candidate beside the reference: what is compared at each rung, from one starting point."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable

import numpy as np

from benchbench.certify import diagnosis
from benchbench.certify.acting import changes
from benchbench.certify.answers import AnswerMeasures
from benchbench.certify.calls import call
from benchbench.certify.causality import is_causal
from benchbench.certify.delicate import rounded_share
from benchbench.certify.dropout import rates_of
from benchbench.certify.exercise import (
    FRESH,
    ONE_STEP,
    PROGRAMS,
    SATURATED,
    TEN_STEPS,
    Exercise,
    Program,
    relative_difference,
)
from benchbench.certify.implementation import Implementation
from benchbench.certify.probes import causality_finding, dropout_finding, order_finding
from benchbench.certify.reference import Reference
from benchbench.certify.rows import Row, as_row
from benchbench.certify.rungs import (
    RUNGS,
    THREE_EPOCHS,
    Finding,
    Limit,
    Measure,
    finite,
    limit_of,
    long_limit,
    rounded_limit,
)
from benchbench.certify.silent import without_text
from benchbench.certify.tolerances import MARGIN
from benchbench.certify.updates import UpdateMeasures, finding_size
from benchbench.plugins.contract import Trainer


class CandidateMeasures:
    """A candidate and the reference at the same exercise. Raises what the candidate raises."""

    def __init__(self, candidate: Implementation, reference: Reference, exercise: Exercise) -> None:
        self._candidate = candidate
        self._reference = reference
        self._exercise = reference.exercise
        self._answers = AnswerMeasures(reference, exercise)
        self._updates = UpdateMeasures(candidate, reference, self._after)
        self._trainers: dict[tuple[str, Program], Trainer] = {}
        self._gone_through: set[tuple[str, Program]] = set()
        self._asked: set[tuple[str, str]] = set()

    def measures(self) -> list[Measure]:
        """Return the rungs in the order of `RUNGS`, but for the first, the data."""
        updates = "|| update - reference's || / || reference's ||, beyond rounding"
        found = [
            self._measure(
                "architecture", "arrays that come back other than given", self._architecture
            ),
            self._measure("forward", "|| p - reference's || / || reference's ||", self._forward),
            self._measure("loss", "|loss - reference's|, relative above 1 nat", self._loss),
            *(
                self._measure(
                    program.name,
                    updates
                    + self._acting(program)
                    + without_text(self._reference.left_out(program)),
                    functools.partial(self._updates.measure, program),
                )
                for program in PROGRAMS
            ),
            self._measure(
                "evaluation", "as loss, with a short last batch, after a step", self._scored
            ),
            self._measure("predictions", "as forward, after a step", self._predicted),
            self._measure(
                THREE_EPOCHS,
                "as the updates, after each epoch" + self._acting(self._exercise.long),
                self._long,
                own_start=True,
            ),
            self._measure(
                "large split", "loss and predictions of thousands", self._large, own_start=True
            ),
            self._measure(
                "order",
                "samples used other than once an epoch, in batches drawn anew",
                self._order,
                own_start=True,
            ),
        ]
        if rates_of(self._exercise.spec):
            found.append(
                self._measure("dropout", "masks read off weights", self._dropout, own_start=True)
            )
        if is_causal(self._exercise.spec):
            words = "how far predictions move by what comes after them, relative"
            found.append(self._measure("causality", words, self._causality))
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

    def _measure(
        self, rung: str, words: str, find: Callable[[str], Finding], *, own_start: bool = False
    ) -> Measure:
        return Measure(rung, words, find, limit_of(rung, self._exercise.model), own_start)

    def _acting(self, program: Program) -> str:
        return changes(self._exercise.protocol, program.steps, self._exercise.clip_norm)

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
        return self._answers.predictions(self._trainer(start), start, self._exercise.batch)

    def _loss(self, start: str) -> Finding:
        self._asked.add(("loss", start))
        return self._answers.scores(self._trainer(start), start, self._exercise.batch)

    def _scored(self, start: str) -> Finding:
        trainer = self._after(start, ONE_STEP)
        return self._answers.scores(trainer, start, self._exercise.evaluation, own=True)

    def _predicted(self, start: str) -> Finding:
        trainer = self._after(start, ONE_STEP)
        return self._answers.predictions(trainer, start, self._exercise.evaluation, own=True)

    def _long(self, _start: str) -> Finding:
        """Compare the change of all parameters after each epoch of the long program."""
        course, limit = self._reference.course, limit_of(THREE_EPOCHS, self._exercise.model)
        expected, (_, observed) = course.rows(), self._trained_long
        before, counts = as_row(self._exercise.fresh()), course.counted()
        rounded = MARGIN * rounded_share(self._exercise, before, expected, counts)
        if rounded > limit.tolerance:
            limit = Limit(rounded, f"{MARGIN} x what float32 rounds the weights by")
        if len(observed) != len(expected):
            words = f"`fit` reported {len(observed)} epochs, expected {len(expected)}"
            return Finding(None, lambda: words, limit)
        differences = [
            relative_difference((ours - before)[counts], (theirs - before)[counts])
            for ours, theirs in zip(observed, expected, strict=True)
        ]
        if not max(differences) <= limit.tolerance:
            limit = long_limit(limit, self._exercise.model, course.moved())
        if not max(differences) <= limit.tolerance:
            limit = rounded_limit(limit, course.rounded())
        return Finding(
            finite(max(differences)),
            lambda: diagnosis.of_epochs(differences, limit.tolerance),
            limit,
        )

    @functools.cached_property
    def _trained_long(self) -> tuple[Trainer, list[Row]]:
        return self._candidate.train_long(self._exercise, self._exercise.fresh())

    def _large(self, _start: str) -> Finding:
        """Compare loss and predictions of thousands of samples, at the weights it has come to."""
        trainer, _ = self._trained_long
        split = self._exercise.large_split
        of_loss = self._answers.scores(trainer, FRESH, split, own=True)
        of_predictions = self._answers.predictions(trainer, FRESH, split, own=True)
        return max(of_predictions, of_loss, key=finding_size)

    def _order(self, _start: str) -> Finding:
        return order_finding(self._candidate, self._exercise)

    def _dropout(self, _start: str) -> Finding:
        return dropout_finding(self._candidate, self._exercise)

    def _causality(self, start: str) -> Finding:
        return causality_finding(self._trainer(start), self._exercise)

    # Trainers: one that has been set and asked and then takes the first step, one for each of the
    # longer programs.

    def _trainer(self, start: str, program: Program = ONE_STEP) -> Trainer:
        """Return the trainer for the program; that of the first step is asked before it."""
        key = start, program
        if key not in self._trainers:
            weights = self._reference.start(start, program)
            self._trainers[key] = self._candidate.trainer(self._exercise, weights, program)
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
