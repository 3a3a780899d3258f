"""The reference's answers: worked out in float64 once, and kept for whoever is compared next."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.certify.delicate import beyond_rounding, is_delicate
from benchbench.certify.divergence import refuse_divergence
from benchbench.certify.exercise import (
    DRAWS,
    FRESH,
    ONE_STEP,
    SATURATED,
    Exercise,
    Program,
    as_certified,
    relative_difference,
)
from benchbench.certify.implementation import Implementation
from benchbench.certify.long_course import LongCourse
from benchbench.certify.nudges import NUDGE, nudged
from benchbench.certify.rows import Arrays, Row, SilentObserver, as_arrays, as_row
from benchbench.certify.rules import mask
from benchbench.certify.silent import as_flags, counted, find_silent, from_flags, may_have_silent
from benchbench.certify.starting_weights import Answers, Memory, StartingWeights, forget
from benchbench.data.dataset import Split
from benchbench.plugins.contract import Score
from benchbench.spec.losses import Loss
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import SGD

REFERENCE = "numpy-float64"

# An update that is off at the first look is measured so many times more, each on its own draw.
ATTEMPTS = (1, 2, 3)
# A draw is steady if the nudge moves the update by less than this, relative to its size.
STEADY = 5e-5


class Reference:
    """What the reference says of one exercise.

    Where an input of a ReLU, or the lead of a maximum, is no larger than float32's rounding, two
    right implementations may take different sides, and their updates part by far more than they
    were rounded. So what is off at a first look, on draw 0, is measured on draws that are steady by
    the reference's word alone: a few roundings, up or down, hardly move its own update.

    `memory(name, work_out)` returns the arrays kept under that name, or works them out first.
    """

    def __init__(
        self, implementation: Implementation, exercise: Exercise, memory: Memory = forget
    ) -> None:
        self._implementation = implementation
        self._exercise = exercise
        self._memory = memory
        self._starting = StartingWeights(implementation, exercise, memory)
        self._settled: dict[tuple[str, Program, int], tuple[int, Row, float]] = {}

    @functools.cached_property
    def exercise(self) -> Exercise:
        """The exercise that both sides train: with a clip_norm that acts from saturated weights."""
        exercise, largest = self._exercise, self._exercise.protocol.clip_norm
        if largest is None or exercise.clip_norm is not None:
            return exercise

        def work_out() -> Answers:
            start = as_row(self._starting.saturated(0))
            change = self.descend(start, exercise.training(ONE_STEP))
            trained = mask(exercise.model, lambda variable: variable.trainable)
            return {"norm": np.array(np.linalg.norm(change * trained))}

        half = float(self._memory("gradient", work_out)["norm"]) / 2
        return replace(exercise, clip_norm=half) if 0 < half < largest else exercise

    def descend(self, weights: Row, batch: Split) -> Row:
        """Return what plain gradient descent, with a rate of 1, adds to these weights in a batch.

        That is the gradient, negative; of a variable that is not trained its change.
        """
        protocol = msgspec.structs.replace(
            as_certified(self._exercise.protocol),
            batch_size=len(batch),
            optimizer=SGD(1.0),
            clip_norm=None,
        )
        start = as_arrays(self._exercise.model, weights)
        trainer = self._implementation.bare_trainer(
            self._exercise.model, protocol, start, seed=self._exercise.seed
        )
        trainer.fit(batch, batch, SilentObserver())
        return as_row(trainer.variables()) - weights

    def left_out(self, program: Program) -> frozenset[str]:
        """Return the variables whose updates say nothing in this program: see `silent`."""
        silent, followers = self._silent
        return silent | followers if program.steps > 1 else silent

    def counted(self, program: Program) -> npt.NDArray[np.bool_]:
        """Return which values of the row of all variables count in this program."""
        return counted(self.exercise.model, self.left_out(program))

    @functools.cached_property
    def _silent(self) -> tuple[frozenset[str], frozenset[str]]:
        if not may_have_silent(self._exercise.model):
            return frozenset(), frozenset()

        def work_out() -> Answers:
            return as_flags(self._exercise.model, find_silent(self._exercise, self.descend))

        return from_flags(self._exercise.model, self._memory("silent", work_out))

    def with_model(self, model: ModelSpec) -> Reference:
        """Return a reference of another model with the same variables, that keeps nothing."""
        return Reference(self._implementation, dataclasses.replace(self.exercise, spec=model))

    def with_loss(self, loss: Loss) -> Reference:
        """Return a reference that minimises another loss, and keeps nothing."""
        return Reference(self._implementation, self._exercise.with_loss(loss))

    def step(self, weights: Arrays, training: Split) -> Row:
        """Return what one epoch of these samples, a batch, adds to these weights."""
        trainer = self._implementation.trainer(self._exercise, weights)
        trainer.fit(training, training, SilentObserver())
        return as_row(trainer.variables()) - as_row(weights)

    def start(self, name: str, program: Program, attempt: int = 0) -> Arrays:
        """Return the weights, float32, from which this program is gone through."""
        return self._weights(name, self.draw(name, program, attempt))

    def draw(self, name: str, program: Program, attempt: int = 0) -> int:
        """Return the draw on which this program is gone through: of each attempt another."""
        return self._settle(name, program, attempt)[0]

    def update(self, name: str, program: Program, attempt: int = 0) -> Row:
        """Return what the program adds to the weights, all of them in one row."""
        return self._settle(name, program, attempt)[1]

    def unsteadiness(self, name: str, program: Program, attempt: int = 0) -> float:
        """Return how far a nudge moves the update there, relative to its size."""
        return self._settle(name, program, attempt)[2]

    def _settle(self, name: str, program: Program, attempt: int) -> tuple[int, Row, float]:
        """Return the draw of an attempt, the update, and how far a nudge moves it.

        Of attempt 0, the first look, that is draw 0, and nobody asks how steady. The others find
        the next steady draw, or else the steadiest. Draws are dealt out to them like cards.
        """
        key = name, program, attempt
        if key not in self._settled:

            def work_out() -> Answers:
                if attempt == 0:
                    update = self._train(self._weights(name, 0), program, 0)
                    return {"update": update, "draw": np.array(0), "moved": np.array(np.inf)}
                found: list[tuple[float, int, Row]] = []
                for draw in range(attempt - 1, DRAWS, len(ATTEMPTS)):
                    update, unsteadiness = self._try(name, program, draw)
                    found.append((unsteadiness, draw, update))
                    if unsteadiness <= STEADY:
                        break
                moved, draw, update = min(found, key=lambda one: one[0])
                return {"update": update, "draw": np.array(draw), "moved": np.array(moved)}

            kept = self._memory(f"{name}-{program.name}-{attempt}".replace(" ", "-"), work_out)
            given = as_row(self._weights(name, int(kept["draw"])))
            refuse_divergence(given, given + kept["update"], program)
            self._settled[key] = int(kept["draw"]), kept["update"], float(kept["moved"])
        return self._settled[key]

    def _try(self, name: str, program: Program, draw: int) -> tuple[Row, float]:
        """Return the update, and how far a nudge moves it, relative to its size."""
        weights = self._weights(name, draw)
        update = self._train(weights, program, draw)
        moved = 0.0
        for direction, others in nudged(weights, draw):
            # Probabilities are rounded even where no weight counts: of a dead network the gradient
            # of a logit may be a sum of thirds, which is 0 but for that. All logits up is no nudge.
            bias = self._exercise.output_bias
            if bias is not None:
                push = np.resize([NUDGE, -NUDGE], others[bias].shape)
                others[bias] = others[bias] + direction * push
            other = self._train(others, program, draw)
            rows = self.counted(program)
            moved = max(moved, relative_difference(other[rows], update[rows]))
        return update, max(moved, self._rounded(weights, program, draw, update))

    def _rounded(self, weights: Arrays, program: Program, draw: int, update: Row) -> float:
        """Return how far the reference is off in float32; 0 if the network is not delicate."""
        if self._in_float32 is None:
            return 0.0
        trainer = self._in_float32.train(self.exercise, weights, program, draw)
        before, rows = as_row(weights), self.counted(program)
        observed = as_row(trainer.variables()) - before
        beyond = beyond_rounding(self.exercise, program, before, update, observed)
        return relative_difference((update + beyond)[rows], update[rows])

    @functools.cached_property
    def _in_float32(self) -> Implementation | None:
        rounded = getattr(self._implementation.backend, "rounded", None)
        if rounded is None or not is_delicate(self._exercise.model):
            return None
        return replace(self._implementation, backend=rounded())

    def _train(self, start: Arrays, program: Program, draw: int) -> Row:
        trainer = self._implementation.train(self.exercise, start, program, draw)
        return as_row(trainer.variables()) - as_row(start)

    @functools.cached_property
    def course(self) -> LongCourse:
        """The course through the long program."""
        long = self.exercise.long
        return LongCourse(
            self._implementation, self.exercise, lambda: self.counted(long), self._memory
        )

    def _weights(self, name: str, draw: int) -> Arrays:
        if name == FRESH:
            return self._exercise.fresh(draw)
        return self._starting.saturated(draw) if name == SATURATED else self._trained

    @functools.cached_property
    def _trained(self) -> Arrays:
        return self._starting.trained(self.exercise)

    def predict(self, weights: Arrays, images: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """Return the outputs (n, *output_shape) under these weights."""
        return self._implementation.trainer(self._exercise, weights).predict(images)

    def evaluate(self, weights: Arrays, split: Split) -> Score:
        """Return loss and metric under these weights."""
        return self._implementation.trainer(self._exercise, weights).evaluate(split)
