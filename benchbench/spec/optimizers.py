"""The optimizers by their formulas, pinned because the frameworks differ.

`g` is the gradient of a batch's mean loss, taken at the weights before the update and clipped where
the protocol says so; `rate` is the learning rate of this update (see `spec.schedules`). Where an
optimizer has a `weight_decay`, it is decoupled from the gradient and comes first, for kernels and
embeddings alone (`Variable.decayed`): biases and scales are not decayed.

    weight *= 1 - rate * weight_decay

Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithms 1 and
2, with their schedule multiplier in the rate.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.fields import settle_fields
from benchbench.spec.schedules import Positive, Schedule

Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Optimizer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """What every optimizer has: a learning rate, a number or a schedule."""

    learning_rate: Positive | Schedule

    def __post_init__(self) -> None:
        settle_fields(self)

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of the learning rate, None where it is a number."""
        return None if isinstance(self.learning_rate, float) else self.learning_rate

    def rate_at(self, step: int) -> float:
        """Return the learning rate of the update before which `step` others were made."""
        rate = self.learning_rate
        return rate if isinstance(rate, float) else rate.rate_at(step)

    def scaled(self, factor: float) -> Self:
        """Return the same optimizer with every learning rate times `factor`."""
        rate = self.learning_rate
        scaled = factor * rate if isinstance(rate, float) else rate.scaled(factor)
        return msgspec.structs.replace(self, learning_rate=scaled)

    def shortened(self, steps: int) -> Self:
        """Return the same optimizer with a schedule that acts within `steps` steps."""
        rate = self.learning_rate
        shorter = rate if isinstance(rate, float) else rate.shortened(steps)
        return msgspec.structs.replace(self, learning_rate=shorter)

    def describe(self) -> str:
        """Return the optimizer as one would write it: `SGD(0.1, momentum=0.9)`."""
        rate = self.learning_rate
        parts = [f"{rate:g}" if isinstance(rate, float) else rate.describe()]
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            if field.name != "learning_rate" and (field.required or value != field.default):
                parts.append(
                    f"{field.name}={value:g}"
                    if type(value) is float
                    else f"{field.name}={str(value).lower()}"
                )
        return f"{type(self).__name__}({', '.join(parts)})"


class SGD(_Optimizer, frozen=True, tag="SGD"):
    """Gradient descent, with momentum:

        b = momentum * b + g            (the first b is g)
        weight -= rate * b              with `nesterov`: rate * (g + momentum * b)

    The rate multiplies b as it is used, so under a schedule old gradients move weights by the rate
    of today; torch and optax compute the same, Keras another. Source: Sutskever et al., "On the
    importance of initialization and momentum", ICML 2013, in the form of torch.optim.SGD. Raises
    SpecError for `nesterov` without momentum.
    """

    original_fields: ClassVar = ("learning_rate", "momentum", "nesterov", "weight_decay")

    learning_rate: Positive | Schedule = 0.01
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: _NotNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise SpecError("nesterov needs a momentum above 0, but it is 0", ("nesterov",))


class _Adam(_Optimizer, frozen=True):
    learning_rate: Positive | Schedule = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7
    epsilon_added_to: Literal["uncorrected_root", "corrected_root"] = "uncorrected_root"


class Adam(_Adam, frozen=True, tag="Adam"):
    """Adam, in the two forms that differ in where epsilon goes.

    With m and v the running means of the gradient and of its square, at step t = 1, 2, ...:

        m = beta_1 m + (1 - beta_1) g,    v = beta_2 v + (1 - beta_2) g^2
        weight -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)
        weight -= rate / (1 - beta_1^t) * m / (sqrt(v / (1 - beta_2^t)) + epsilon)

    The first form, epsilon added to the "uncorrected_root", is what Keras computes; the second, to
    the "corrected_root", is that of torch and optax. Source: Kingma and Ba, "Adam", ICLR 2015,
    algorithm 1 (second form) and the end of section 2 ("epsilon hat", first form).
    """

    original_fields: ClassVar = ("learning_rate", "beta_1", "beta_2", "epsilon")


class AdamW(_Adam, frozen=True, tag="AdamW", kw_only=True):
    """Adam with weight decay, which must be said: the frameworks' defaults are 0.0001 to 0.01."""

    original_fields: ClassVar = ("learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay")

    weight_decay: _NotNegative


class RMSprop(_Optimizer, frozen=True, tag="RMSprop"):
    """The gradient over the root of the running mean of its square, epsilon under the root:

        v = rho v + (1 - rho) g^2
        weight -= rate * g / sqrt(v + epsilon)

    What Keras and optax compute; torch adds epsilon to the root. Source: Tieleman and Hinton,
    "Lecture 6.5: RMSProp", 2012.
    """

    original_fields: ClassVar = ("learning_rate", "rho", "epsilon")

    learning_rate: Positive | Schedule = 1e-3
    rho: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.9
    epsilon: Positive = 1e-7


Optimizer: TypeAlias = SGD | Adam | AdamW | RMSprop
