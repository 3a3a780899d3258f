"""The reference's answers: worked out in float64 once, and kept for whoever is compared next."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import (
    FRESH,
    LARGE,
    SCHOOLING,
    Arrays,
    Exercise,
    Implementation,
    Program,
    Row,
    as_row,
)
from benchbench.data.dataset import Split
from benchbench.plugins.contract import Score

REFERENCE = "numpy-float64"

Memory = Callable[[str, Callable[[], npt.NDArray[Any]]], npt.NDArray[Any]]


def _forget(_name: str, work_out: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return work_out()


class Reference:
    """What the reference says of one exercise.

    `memory(name, work_out)` returns a vector kept under that name, or works it out and keeps it.
    """

    def __init__(
        self, implementation: Implementation, exercise: Exercise, memory: Memory = _forget
    ) -> None:
        self._implementation = implementation
        self._exercise = exercise
        self._memory = memory
        self._updates: dict[tuple[str, Program, int], Row] = {}

    def start(self, name: str) -> Arrays:
        """Return the weights of a starting point, float32, in canonical layout."""
        if name == FRESH:
            return self._exercise.fresh
        return self._exercise.large if name == LARGE else self._trained

    def update(self, start: str, program: Program, draw: int) -> Row:
        """Return what the program adds to the weights, all of them in one row."""
        key = start, program, draw
        if key not in self._updates:

            def work_out() -> Row:
                weights = self.start(start)
                trainer = self._implementation.train(self._exercise, weights, program, draw)
                return as_row(trainer.parameters()) - as_row(weights)

            name = f"{start}-{program.name}-{draw}".replace(" ", "-")
            self._updates[key] = self._memory(name, work_out)
        return self._updates[key]

    def predict(self, weights: Arrays, images: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """Return the probabilities (n, classes) under these weights."""
        return self._implementation.trainer(self._exercise, weights).predict(images)

    def evaluate(self, weights: Arrays, split: Split) -> Score:
        """Return loss and accuracy under these weights."""
        return self._implementation.trainer(self._exercise, weights).evaluate(split)

    @functools.cached_property
    def _trained(self) -> Arrays:
        """Weights that the reference has trained for some epochs, rounded to float32."""

        def work_out() -> Row:
            start = self._exercise.fresh
            return as_row(self._implementation.train(self._exercise, start, SCHOOLING).parameters())

        row = self._memory("trained", work_out).astype(np.float32)
        shapes = self._exercise.model.parameter_shapes
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        parts = np.split(row, ends)
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
