"""How a model is trained: the optimiser by its formula, the batches, the epochs."""

from __future__ import annotations

import sys
from typing import Annotated, ClassVar, TypeAlias

import msgspec

from benchbench.spec.fields import settle_fields
from benchbench.spec.layers import Count
from benchbench.spec.losses import Loss

Positive = Annotated[float, msgspec.Meta(gt=0, le=sys.float_info.max)]
Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]


class Adam(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="Adam"):
    """Adam, pinned by formula, because the frameworks differ in where epsilon goes.

    With m and v the running means of the gradient and of its square, at step t = 1, 2, ...:

        update = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    Epsilon joins the UNcorrected sqrt(v). Source: Kingma and Ba, "Adam", ICLR 2015, end of section
    2 ("epsilon hat"); it is what Keras computes.
    """

    original_fields: ClassVar = ("learning_rate", "beta_1", "beta_2", "epsilon")

    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7


Optimizer: TypeAlias = Adam


class TrainingProtocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A loss in float32, minimised in batches, validated after every epoch.

    The loss of a batch is the mean over its samples; the last batch of an epoch may be short.
    `loss`: None takes the one that the model's output layer asks for (see `spec.task`).
    `shuffle`: a fresh permutation of the training samples every epoch; false means in the order
    given. Raises SpecError for a value out of range.
    """

    original_fields: ClassVar = ("epochs", "batch_size", "shuffle", "optimizer")

    epochs: Count = 5
    batch_size: Count = 128
    shuffle: bool = True
    optimizer: Optimizer = Adam()
    loss: Loss | None = None

    def __post_init__(self) -> None:
        settle_fields(self)
