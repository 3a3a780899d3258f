"""The optimizers of the tuned division: one vector of parameters, one of gradients, few kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from benchbench import SGD, Adam, AdamW, Optimizer, RMSprop, TrainingProtocol, Unsupported, Variable
from benchbench_torch.optimizers import epsilon_at

Formula = TypeVar("Formula", bound=Optimizer)


@dataclass(frozen=True)
class Before:
    """What comes before the formula: gradients are clipped, some parameters decayed.

    `decayed`: 1 where weight decay acts and 0 elsewhere, (count,); None where it acts nowhere.
    """

    clip_norm: float | None
    weight_decay: float
    decayed: torch.Tensor | None


class VectorOptimizer(ABC, Generic[Formula]):
    """Updates a vector of parameters from one of gradients, float32 (count,), in place."""

    kernel: str

    def __init__(
        self,
        parameters: torch.Tensor,
        gradients: torch.Tensor,
        formula: Formula,
        before: Before,
    ) -> None:
        self._parameters = parameters
        self._gradients = gradients
        self._formula = formula
        self._before = before
        self._step = 0  # updates made, the one at work included

    def step(self) -> None:
        """Update the parameters from the gradients as they stand; clipping changes these."""
        rate = self._formula.rate_at(self._step)
        self._step += 1
        if self._before.clip_norm is not None:
            # No value is read back. Of a norm of 0 the quotient is infinite, and the scale 1.
            norm = torch.linalg.vector_norm(self._gradients)
            self._gradients.mul_((self._before.clip_norm / norm).clamp_(max=1.0))
        if self._before.decayed is not None:
            self._parameters.addcmul_(
                self._parameters, self._before.decayed, value=-rate * self._before.weight_decay
            )
        self.move(rate)

    @abstractmethod
    def move(self, rate: float) -> None:
        """Change the parameters by the formula."""


class FusedAdam(VectorOptimizer[Adam | AdamW]):
    """torch's fused kernel, for Adam and AdamW; the kernel's own decay takes no mask."""

    kernel = "torch._fused_adam_ on one vector, eps set before every step"

    def __init__(
        self,
        parameters: torch.Tensor,
        gradients: torch.Tensor,
        formula: Adam | AdamW,
        before: Before,
    ) -> None:
        super().__init__(parameters, gradients, formula, before)
        self._step_count = torch.zeros((), device=parameters.device)
        self._tensors: tuple[list[torch.Tensor], ...] = (
            [parameters],
            [gradients],
            [torch.zeros_like(parameters)],
            [torch.zeros_like(parameters)],
            [],
            [self._step_count],
        )

    def move(self, rate: float) -> None:
        self._step_count += 1
        torch._fused_adam_(
            *self._tensors,
            lr=rate,
            beta1=self._formula.beta_1,
            beta2=self._formula.beta_2,
            weight_decay=0.0,
            eps=epsilon_at(self._formula, self._step),
            amsgrad=False,
            maximize=False,
        )


class FusedSGD(VectorOptimizer[SGD]):
    """torch's fused kernel, for SGD with and without momentum."""

    kernel = "torch._fused_sgd_ on one vector"

    def __init__(
        self, parameters: torch.Tensor, gradients: torch.Tensor, formula: SGD, before: Before
    ) -> None:
        super().__init__(parameters, gradients, formula, before)
        self._velocity = [torch.zeros_like(parameters)] if formula.momentum else []

    def move(self, rate: float) -> None:
        torch._fused_sgd_(
            [self._parameters],
            [self._gradients],
            self._velocity,
            weight_decay=0.0,
            momentum=self._formula.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self._formula.nesterov,
            maximize=False,
            is_first_step=False,  # the velocity begins as zeros
        )


class VectorRMSprop(VectorOptimizer[RMSprop]):
    """RMSprop written out: torch has no fused kernel for it."""

    kernel = "RMSprop written out on one vector"

    def __init__(
        self, parameters: torch.Tensor, gradients: torch.Tensor, formula: RMSprop, before: Before
    ) -> None:
        super().__init__(parameters, gradients, formula, before)
        self._square = torch.zeros_like(parameters)
        self._root = torch.empty_like(parameters)

    def move(self, rate: float) -> None:
        rho, gradients = self._formula.rho, self._gradients
        self._square.mul_(rho).addcmul_(gradients, gradients, value=1 - rho)
        torch.add(self._square, self._formula.epsilon, out=self._root).sqrt_()
        self._parameters.addcdiv_(gradients, self._root, value=-rate)


def make_vector_optimizer(
    protocol: TrainingProtocol,
    variables: Sequence[Variable],
    parameters: torch.Tensor,
    gradients: torch.Tensor,
) -> VectorOptimizer[Any]:
    """Return the protocol's optimizer for vectors that hold `variables` one after another."""
    formula = protocol.optimizer
    decayed = None
    weight_decay = getattr(formula, "weight_decay", 0.0)
    if weight_decay:
        parts = [torch.full((one.count,), float(one.decayed)) for one in variables]
        decayed = torch.cat(parts).to(parameters.device)
    before = Before(protocol.clip_norm, weight_decay, decayed)
    match formula:
        case SGD():
            return FusedSGD(parameters, gradients, formula, before)
        case Adam() | AdamW():
            return FusedAdam(parameters, gradients, formula, before)
        case RMSprop():
            return VectorRMSprop(parameters, gradients, formula, before)
    raise Unsupported(f"torch tuned has no optimizer {type(formula).__name__}")
