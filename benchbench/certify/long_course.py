"""The reference's course through the long program, and how far roundings take it from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchbench.certify.divergence import refuse_divergence
from benchbench.certify.exercise import Exercise, relative_difference
from benchbench.certify.implementation import Implementation
from benchbench.certify.nudges import RATE_NUDGE, nudged
from benchbench.certify.rows import Row, as_row
from benchbench.certify.starting_weights import Answers, Memory


@dataclass(frozen=True)
class LongCourse:
    """The weights after each epoch of the long program.

    `counted` says which values of the row of all variables count there. `memory(name, work_out)`
    returns the arrays kept under that name, or works them out first.
    """

    implementation: Implementation
    exercise: Exercise
    counted: Callable[[], npt.NDArray[np.bool_]]
    memory: Memory

    def rows(self) -> npt.NDArray[np.float64]:
        """Return the weights, (epochs, parameters). Raises Unsupported where they diverge."""

        def work_out() -> Answers:
            start = self.exercise.fresh()
            return {"rows": np.array(self.implementation.train_long(self.exercise, start)[1])}

        rows = self.memory("long", work_out)["rows"]
        refuse_divergence(as_row(self.exercise.fresh()), rows, self.exercise.long)
        return rows

    def moved(self) -> float:
        """Return how far roundings of weights and rate move the change, up or down, at most."""

        def work_out() -> Answers:
            return {"moved": np.array(max(self._nudged(one) for one in (1, -1)))}

        return float(self.memory("long-moved", work_out)["moved"])

    def rounded(self) -> float:
        """Return how far the change is off in float32, by the same code; 0 if it has no float32.

        Where steps are alike, each rounds a weight to the same side, and no nudge shows that.
        """
        in_float32 = getattr(self.implementation.backend, "rounded", None)
        if in_float32 is None:
            return 0.0

        def work_out() -> Answers:
            start = self.exercise.fresh()
            other = replace(self.implementation, backend=in_float32())
            _, course = other.train_long(self.exercise, start)
            return {"rounded": np.array(self._farthest(as_row(start), course))}

        return float(self.memory("long-rounded", work_out)["rounded"])

    def _nudged(self, direction: int) -> float:
        start = dict(nudged(self.exercise.fresh()))[direction]
        exercise = self.exercise.with_rate(1 + direction * RATE_NUDGE)
        return self._farthest(as_row(start), self.implementation.train_long(exercise, start)[1])

    def _farthest(self, start: Row, course: list[Row]) -> float:
        """Return how far another course, from `start`, parts from this one, relative to it."""
        before, counts = as_row(self.exercise.fresh()), self.counted()
        return max(
            relative_difference((other - start)[counts], (row - before)[counts])
            for other, row in zip(course, self.rows(), strict=True)
        )
