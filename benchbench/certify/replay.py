"""Epochs of a run, repeated by the reference: do the same samples, in the same order, give it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.certify.rows import Arrays, Row, as_arrays, as_row
from benchbench.certify.stated_order import Order
from benchbench.data.dataset import Split
from benchbench.plugins.contract import Backend, Score, Trainer
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True)
class Course:
    """What a run says of its first epochs: in which order it met the samples, where it arrived.

    `start` are the first weights, `rows` the weights after each epoch, `orders` the samples of each
    as indices into `train`.
    """

    model: ModelSpec
    protocol: TrainingProtocol
    train: Split
    start: npt.NDArray[Any]
    rows: Sequence[npt.NDArray[np.float32]]
    orders: Sequence[Order]

    def changes(self) -> list[Row]:
        """Return what each epoch of the run added to the weights."""
        befores: list[npt.NDArray[Any]] = [self.start, *self.rows[:-1]]
        return [
            after.astype(np.float64) - before
            for before, after in zip(befores, self.rows, strict=True)
        ]


def replay(
    reference: Backend,
    course: Course,
    *,
    nudge: Callable[[Arrays], Arrays],
    rate: float,
    check: Callable[[], None],
) -> list[Row]:
    """Return what each epoch adds to the weights when the reference goes through it, on a thread.

    Every epoch begins at the run's own weights; what the optimizer keeps is carried along.
    `nudge` moves the weights that an epoch begins with, `rate` is a factor of the learning rate;
    `check` is called before each batch, and may raise.
    """
    optimizer = course.protocol.optimizer
    protocol = msgspec.structs.replace(
        course.protocol,
        epochs=len(course.rows),
        shuffle=False,
        optimizer=optimizer if rate == 1 else optimizer.scaled(rate),
    )
    trainer = reference.trainer(
        course.model, protocol, device="cpu", division="idiomatic", threads=1, seed=0
    )
    follower = _Follower(course, trainer, nudge)
    samples = [
        _InOrder(array, follower, check) for array in (course.train.inputs, course.train.targets)
    ]
    one = Split(course.train.inputs[:1], course.train.targets[:1])
    trainer.fit(Split(*cast("list[Any]", samples)), one, follower)
    return follower.changes


class _Follower:
    """An observer that sets the reference to the run's weights wherever an epoch begins."""

    def __init__(self, course: Course, trainer: Trainer, nudge: Callable[[Arrays], Arrays]) -> None:
        self._course = course
        self._trainer = trainer
        self._nudge = nudge
        self.changes: list[Row] = []
        self._begin(course.start)

    @property
    def order(self) -> Order:
        """The order of the epoch that is being repeated."""
        return self._course.orders[len(self.changes)]

    def epoch_trained(self, loss: float | None) -> None: ...

    def epoch_validated(self, score: Score) -> None:
        self.changes.append(as_row(self._trainer.variables()) - self._before)
        if len(self.changes) < len(self._course.rows):
            self._begin(self._course.rows[len(self.changes) - 1])

    def _begin(self, row: npt.NDArray[Any]) -> None:
        arrays = self._nudge(as_arrays(self._course.model, row))
        self._trainer.set_variables(arrays)
        self._before = as_row(self._trainer.variables())


class _InOrder:
    """An array whose rows come in the order of the epoch: no copy of the data is made."""

    def __init__(
        self, array: npt.NDArray[Any], follower: _Follower, check: Callable[[], None]
    ) -> None:
        self._array = array
        self._follower = follower
        self._check = check

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, batch: slice) -> npt.NDArray[Any]:
        self._check()
        rows: npt.NDArray[Any] = self._array[self._follower.order[batch]]
        return rows
