"""Weights as one row of values, and observers that read them while a trainer trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.calls import call
from benchbench.plugins.contract import Score, Trainer
from benchbench.spec.model import ModelSpec

Arrays = Sequence[npt.NDArray[Any]]
Row = npt.NDArray[np.float64]


class SilentObserver:
    """An observer that keeps to itself."""

    def epoch_trained(self, loss: float | None) -> None: ...

    def epoch_validated(self, score: Score) -> None: ...


class WeightsReader:
    """An observer that reads the trainer's weights whenever an epoch is reported."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.rows: list[Row] = []

    def epoch_trained(self, loss: float | None) -> None: ...

    def epoch_validated(self, score: Score) -> None:
        self.rows.append(as_row(call("variables", self._trainer.variables)))


def as_row(arrays: Arrays) -> Row:
    """Return all values one after another, in float64."""
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def as_arrays(model: ModelSpec, row: npt.NDArray[Any]) -> Arrays:
    """Return a model's variables of the values of all of them: the reverse of `as_row`."""
    ends = np.cumsum([variable.count for variable in model.variables])[:-1]
    parts = np.split(row, ends)
    return [part.reshape(shape) for part, shape in zip(parts, model.variable_shapes, strict=True)]
