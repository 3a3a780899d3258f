"""What training minimises. The loss settles the task: targets, output activation and metric.

A loss is the mean over the samples of a batch; a short batch divides by its own count. It is
computed from the logits, the output layer's values before its activation, and is the same in
training and in evaluation.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

OutputActivation: TypeAlias = Literal["softmax", "sigmoid", "linear"]


class Metric(msgspec.Struct, frozen=True):
    """The figure of a task that people read, averaged over all that is predicted.

    "accuracy": the share of right classes. "binary accuracy": the share of outputs on the target's
    side of a half. "mean absolute error": in the target's unit.
    """

    name: Literal["accuracy", "binary accuracy", "mean absolute error"]
    higher_is_better: bool

    @property
    def is_fraction(self) -> bool:
        """Whether it is a share of right answers, from 0 to 1."""
        return self.higher_is_better

    @property
    def title(self) -> str:
        """The head of a column: of a metric of which less is better that is said."""
        return self.name if self.higher_is_better else f"{self.name} (less is better)"


ACCURACY = Metric("accuracy", higher_is_better=True)
BINARY_ACCURACY = Metric("binary accuracy", higher_is_better=True)
MEAN_ABSOLUTE_ERROR = Metric("mean absolute error", higher_is_better=False)


class _Loss(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    activation: ClassVar[OutputActivation]
    metric: ClassVar[Metric]

    @property
    def kind(self) -> str:
        """The loss's name in a spec file."""
        return type(self).__name__


class CrossEntropy(_Loss, frozen=True, tag="CrossEntropy"):
    """-sum_k target_k log softmax(z)_k, in nats, at every position that has a class to predict.

    target = (1 - label_smoothing) onehot(class) + label_smoothing / K over K classes, the true one
    among them. Source: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.
    """

    original_fields: ClassVar = ("label_smoothing",)
    activation: ClassVar[OutputActivation] = "softmax"
    metric: ClassVar[Metric] = ACCURACY

    label_smoothing: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0


class BinaryCrossEntropy(_Loss, frozen=True, tag="BinaryCrossEntropy"):
    """max(z, 0) - z y + log(1 + exp(-|z|)), the mean over all outputs; targets y in [0, 1]."""

    original_fields: ClassVar = ()
    activation: ClassVar[OutputActivation] = "sigmoid"
    metric: ClassVar[Metric] = BINARY_ACCURACY


class MeanSquaredError(_Loss, frozen=True, tag="MeanSquaredError"):
    """(z - y)^2, the mean over all outputs (not the half of it)."""

    original_fields: ClassVar = ()
    activation: ClassVar[OutputActivation] = "linear"
    metric: ClassVar[Metric] = MEAN_ABSOLUTE_ERROR


Loss: TypeAlias = CrossEntropy | BinaryCrossEntropy | MeanSquaredError

# The loss of a protocol that names none, by the activation of the model's output layer.
DEFAULT_LOSSES: dict[OutputActivation, Loss] = {
    loss.activation: loss for loss in (CrossEntropy(), BinaryCrossEntropy(), MeanSquaredError())
}
