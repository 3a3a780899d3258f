"""How a model is trained: the optimizer, the batches, the epochs."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from benchbench.spec.fields import settle_fields
from benchbench.spec.layers import Count
from benchbench.spec.losses import Loss
from benchbench.spec.optimizers import Adam, Optimizer
from benchbench.spec.schedules import Positive


class TrainingProtocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A loss in float32, minimised in batches, validated after every epoch.

    The loss of a batch is the mean over its samples; the last batch of an epoch may be short.
    `loss`: None takes the one that the model's output layer asks for (see `spec.task`).
    `shuffle`: a fresh permutation of the training samples every epoch; false means in the order
    given. `clip_norm` c: a gradient whose norm n over all variables together is above c is scaled
    by c / n before the optimizer gets it. Raises SpecError for a value out of range.
    """

    original_fields: ClassVar = ("epochs", "batch_size", "shuffle", "optimizer")

    epochs: Count = 5
    batch_size: Count = 128
    shuffle: bool = True
    optimizer: Optimizer = Adam()
    loss: Loss | None = None
    clip_norm: Positive | None = None

    def __post_init__(self) -> None:
        settle_fields(self)

    def describe(self) -> str:
        """Return the protocol in a line."""
        order = "reshuffled every epoch" if self.shuffle else "in the order given"
        clipped = f"; gradients clipped to norm {self.clip_norm:g}" if self.clip_norm else ""
        return (
            f"{self.epochs} epochs, batches of {self.batch_size}, {order}; "
            f"{self.optimizer.describe()}{clipped}"
        )
