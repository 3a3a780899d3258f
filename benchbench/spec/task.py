"""What a model learns under a protocol: the loss, the targets that it takes and the metric."""

from __future__ import annotations

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.losses import DEFAULT_LOSSES, CrossEntropy, Loss, Metric
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.variables import Shape


class Task(msgspec.Struct, frozen=True):
    """The task of a model with outputs of `output_shape` under a loss.

    Targets: the numbers of the classes, int64 (n, *target_shape), from 0, for CrossEntropy; values,
    float32 (n, *target_shape), for the others, in [0, 1] for BinaryCrossEntropy.
    """

    loss: Loss
    output_shape: Shape

    @property
    def classes(self) -> int | None:
        """The number of classes; None where the targets are values."""
        return self.output_shape[-1] if isinstance(self.loss, CrossEntropy) else None

    @property
    def target_shape(self) -> Shape:
        """The shape of one sample's targets: () for one class a sample."""
        return self.output_shape[:-1] if self.classes else self.output_shape

    @property
    def metric(self) -> Metric:
        """The figure that people read."""
        return self.loss.metric

    def describe(self) -> str:
        """Return the task in words: "CrossEntropy over 10 classes, measured by accuracy"."""
        what = f"over {self.classes} classes" if self.classes else f"of {self.output_shape} values"
        return f"{self.loss.kind} {what}, measured by {self.metric.name}"


def task_of(model: ModelSpec, protocol: TrainingProtocol) -> Task:
    """Return what the model learns under the protocol.

    A protocol that names no loss takes the one of the output layer's activation. Raises SpecError,
    with the path ("loss",) in the protocol, where loss and output layer do not fit.
    """
    activation = model.output_activation
    loss = protocol.loss or DEFAULT_LOSSES[activation]
    if loss.activation != activation:
        raise SpecError(
            f"the loss {loss.kind} needs an output layer with the activation '{loss.activation}', "
            f"but that of '{model.name}' is {model.layers[-1].describe()} ('{activation}'): change "
            f"its activation, or take the loss {DEFAULT_LOSSES[activation].kind}, which a protocol "
            f"without a loss does by itself",
            ("loss",),
        )
    return Task(loss, model.output_shape)
