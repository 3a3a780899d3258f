"""Epochs beyond the protocol's, trained to be timed: what is learnt stays the protocol's.

Starting a process costs as much as many epochs of a small network. So a run may train on after its
protocol is over. Its weights are copied when the protocol's last epoch is; after `fit` a second
trainer of the same spec takes them, and is the one that evaluates and predicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from benchbench.errors import PluginError
from benchbench.spec.protocol import TrainingProtocol

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchbench.data.dataset import Split
    from benchbench.plugins.contract import Trainer
    from benchbench.records import EpochRecord
    from benchbench.run.messages import RunRequest

# Of a loss, or of 1 where it is less: sums of another order differ by a hundredth of that.
_SAME_LOSS = 1e-3


def refusal(protocol: TrainingProtocol) -> str | None:
    """Say why a protocol cannot go on beyond its epochs; None if it can.

    Its number of epochs must enter nothing but the end of training.
    """
    schedule = protocol.optimizer.schedule
    if schedule is None:
        return None
    return (
        f"the learning rate follows a schedule by step ({schedule.describe()}): beyond its "
        f"{protocol.epochs} epochs the protocol says of no rate that it is meant"
    )


def trained_protocol(request: RunRequest) -> TrainingProtocol:
    """Return the protocol that a trainer is made with: all epochs, those beyond among them."""
    epochs = request.protocol.epochs + request.further_epochs
    return msgspec.structs.replace(request.protocol, epochs=epochs)


class ProtocolsEnd:
    """The variables at the end of the protocol's last epoch, and a trainer that has them."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self._kept: list[npt.NDArray[Any]] | None = None
        self._validation_loss: float | None = None

    def wants(self, number: int) -> bool:
        """Say whether this epoch, from 1, is the protocol's last, and others follow."""
        return self._request.further_epochs > 0 and number == self._request.protocol.epochs

    def keep(self, arrays: list[npt.NDArray[Any]], epoch: EpochRecord) -> None:
        """Take the variables as they are after that epoch."""
        self._kept = arrays
        self._validation_loss = epoch.validation_loss

    def variables(self, last: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Return those of the protocol's last epoch; `last` are those after all epochs."""
        return last if self._kept is None else self._kept

    def trainer(self, trained: Trainer, make: Callable[[], Trainer], validation: Split) -> Trainer:
        """Return the trainer that is to evaluate: `trained`, or another with the variables kept.

        That one validates once, as the first has: what it compiles for that is in no figure. Raises
        PluginError where it finds another loss than the first.
        """
        if self._kept is None:
            return trained
        trainer = make()
        trainer.set_variables([array.copy() for array in self._kept])
        loss = trainer.evaluate(validation).loss
        trainer.synchronize()
        self._must_agree(float(loss))
        return trainer

    def _must_agree(self, loss: float) -> None:
        before = self._validation_loss
        # What is not finite fails a check of its own.
        if before is None or not math.isfinite(loss):
            return
        if abs(loss - before) > _SAME_LOSS * max(1.0, abs(before)):
            raise PluginError(
                f"the variables after epoch {self._request.protocol.epochs} had a validation loss "
                f"of {before:.6g}, but a new trainer that was given them finds {loss:.6g}: does "
                f"`variables` return all that `evaluate` uses, and `set_variables` take it?"
            )
