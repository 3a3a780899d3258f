"""The optimizers of the tuned division: TensorFlow's kernels, one call a variable and step.

The numbers of a step (its rate, with Adam's corrections of the bias in it) are computed on the host
for a whole epoch, in float64, and given to the graph as one array.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchbench import SGD, Adam, AdamW, Optimizer, RMSprop, TrainingProtocol, Unsupported

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class KernelOptimizer(ABC):
    """Updates TensorFlow variables. `decayed` says of each whether weight decay acts on it.

    `state_count`: how many arrays of its shape the kernel keeps for each variable.
    """

    kernel: str
    state_count: int

    def __init__(
        self, tf: Any, protocol: TrainingProtocol, variables: Sequence[Any], decayed: Sequence[bool]
    ) -> None:
        self._tf = tf
        self._formula: Any = protocol.optimizer
        self._clip_norm = protocol.clip_norm
        self._weight_decay = getattr(protocol.optimizer, "weight_decay", 0.0)
        self._variables = variables
        self._decayed = decayed
        self._states = [
            [tf.Variable(tf.zeros_like(variable)) for _ in range(self.state_count)]
            for variable in variables
        ]

    def settings(self) -> dict[str, str | int | float | bool]:
        """Return what `settings` says of the kernel, the schedule and the clipping."""
        said: dict[str, str | int | float | bool] = {"optimizer": self.kernel}
        if self._formula.schedule:
            said["schedule"] = "worked out on the host for an epoch"
        if self._clip_norm is not None:
            said["clipping"] = "tf.clip_by_global_norm"
        return said

    def numbers(self, first: int, count: int) -> npt.NDArray[np.float32]:
        """Return what `numbers_of` says of `count` updates from `first` on: (count, 3)."""
        import numpy as np

        rows = [self.numbers_of(step) for step in range(first, first + count)]
        return np.array(rows, np.float32)

    def numbers_of(self, step: int) -> tuple[float, float, float]:
        """Return the rate, the rate that the kernel is given, its epsilon; `step` is from 0."""
        rate = self._formula.rate_at(step)
        return rate, rate, 0.0

    def apply(self, gradients: Sequence[Any], numbers: Any) -> None:
        """Take one step with a row of `numbers`. Traced by `tf.function`."""
        tf = self._tf
        if self._clip_norm is not None:
            # clip_by_global_norm scales by c min(1/n, 1/c): the formula, and safe where n is 0.
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        for variable, decayed in zip(self._variables, self._decayed, strict=True):
            if decayed and self._weight_decay:
                variable.assign_sub(variable * (numbers[0] * self._weight_decay))
        for variable, state, gradient in zip(self._variables, self._states, gradients, strict=True):
            self.move(variable, state, gradient, numbers)

    @abstractmethod
    def move(self, variable: Any, state: Sequence[Any], gradient: Any, numbers: Any) -> None:
        """Call the kernel for one variable."""


class KernelAdam(KernelOptimizer):
    """The kernel adds epsilon to the uncorrected root; for the corrected one epsilon changes.

    It takes the two bias corrections as powers of beta: here they are in the rate.
    """

    kernel = "tensorflow.raw_ops.ResourceApplyAdam"
    state_count = 2

    def numbers_of(self, step: int) -> tuple[float, float, float]:
        adam, rate = self._formula, self._formula.rate_at(step)
        root = math.sqrt(1 - adam.beta_2 ** (step + 1))
        corrected = adam.epsilon_added_to == "corrected_root"
        epsilon = adam.epsilon * root if corrected else adam.epsilon
        return rate, rate * root / (1 - adam.beta_1 ** (step + 1)), epsilon

    def move(self, variable: Any, state: Sequence[Any], gradient: Any, numbers: Any) -> None:
        mean, square = state
        self._tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=mean.handle,
            v=square.handle,
            beta1_power=0.0,
            beta2_power=0.0,
            lr=numbers[1],
            beta1=self._formula.beta_1,
            beta2=self._formula.beta_2,
            epsilon=numbers[2],
            grad=gradient,
        )


class KernelMomentum(KernelOptimizer):
    """The kernel of torch's form, the rate outside the momentum."""

    kernel = "tensorflow.raw_ops.ResourceApplyMomentum"
    state_count = 1

    def move(self, variable: Any, state: Sequence[Any], gradient: Any, numbers: Any) -> None:
        self._tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=state[0].handle,
            lr=numbers[1],
            grad=gradient,
            momentum=self._formula.momentum,
            use_nesterov=self._formula.nesterov,
        )


class KernelDescent(KernelOptimizer):
    kernel = "tensorflow.raw_ops.ResourceApplyGradientDescent"
    state_count = 0

    def move(self, variable: Any, state: Sequence[Any], gradient: Any, numbers: Any) -> None:
        self._tf.raw_ops.ResourceApplyGradientDescent(
            var=variable.handle, alpha=numbers[1], delta=gradient
        )


class KernelRMSprop(KernelOptimizer):
    """The kernel adds epsilon under the root; its momentum is 0."""

    kernel = "tensorflow.raw_ops.ResourceApplyRMSProp"
    state_count = 2

    def move(self, variable: Any, state: Sequence[Any], gradient: Any, numbers: Any) -> None:
        square, velocity = state
        self._tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=square.handle,
            mom=velocity.handle,
            lr=numbers[1],
            rho=self._formula.rho,
            momentum=0.0,
            epsilon=self._formula.epsilon,
            grad=gradient,
        )


def make_kernel_optimizer(
    tf: Any, protocol: TrainingProtocol, variables: Sequence[Any], decayed: Sequence[bool]
) -> KernelOptimizer:
    """Return the protocol's optimizer over these variables."""
    kind = _kind(protocol.optimizer)
    return kind(tf, protocol, variables, decayed)


def _kind(formula: Optimizer) -> type[KernelOptimizer]:
    match formula:
        case SGD():
            return KernelMomentum if formula.momentum else KernelDescent
        case Adam() | AdamW():
            return KernelAdam
        case RMSprop():
            return KernelRMSprop
    raise Unsupported(f"Keras tuned has no optimizer {type(formula).__name__}")
