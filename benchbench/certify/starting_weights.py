"""The weights that training starts from, where they are not drawn: large ones, and trained ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from benchbench.certify.divergence import refuse_divergence
from benchbench.certify.exercise import SATURATED, SATURATING_NATS, SCHOOLING, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.rows import Arrays, as_arrays, as_row

# So often may the last layer's large weights be halved.
_HALVINGS = 60

# What is kept under one name: arrays by name.
Answers: TypeAlias = Mapping[str, npt.NDArray[Any]]
Memory: TypeAlias = Callable[[str, Callable[[], Answers]], Answers]


def forget(_name: str, work_out: Callable[[], Answers]) -> Answers:
    """Keep nothing: work it out each time."""
    return work_out()


class StartingWeights:
    """What the reference makes of one exercise's fresh weights. `memory`: see `Reference`."""

    def __init__(self, implementation: Implementation, exercise: Exercise, memory: Memory) -> None:
        self._implementation = implementation
        self._exercise = exercise
        self._memory = memory

    def saturated(self, draw: int) -> Arrays:
        """Return large weights, with an output that is sure and wrong.

        Of many layers large weights make logits of thousands, and float32 rounds by what is large:
        the last layer's are halved until the loss is no more than the bias brings.
        """

        def work_out() -> Answers:
            losses = (self._loss(draw, -halvings) for halvings in range(_HALVINGS))
            tame = (halvings for halvings, loss in enumerate(losses) if loss <= SATURATING_NATS)
            return {"last": np.array(-next(tame, _HALVINGS))}

        last = int(self._memory(f"{SATURATED}-{draw}", work_out)["last"])
        return self._exercise.saturated(draw, last)

    def trained(self, exercise: Exercise) -> Arrays:
        """Return weights that this exercise, of some epochs, has come to, rounded to float32."""

        def work_out() -> Answers:
            trainer = self._implementation.train(exercise, self._exercise.fresh(), SCHOOLING)
            return {"weights": as_row(trainer.variables())}

        row = self._memory("trained", work_out)["weights"]
        refuse_divergence(as_row(self._exercise.fresh()), row, SCHOOLING)
        return as_arrays(self._exercise.model, row.astype(np.float32))

    def _loss(self, draw: int, last: int) -> float:
        weights = self._exercise.large(draw, last)
        trainer = self._implementation.trainer(self._exercise, weights)
        return trainer.evaluate(self._exercise.batch).loss
