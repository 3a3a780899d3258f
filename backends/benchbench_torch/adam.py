"""`torch.optim.Adam` made to follow benchbench's formula.

torch adds epsilon to the bias-corrected root, benchbench to the root as it is:

    torch:      lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
    benchbench: lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)

They are the same function for eps = epsilon / sqrt(1 - beta2^t): multiply numerator and denominator
of the first by sqrt(1 - beta2^t).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from benchbench import Adam


def epsilon_at(formula: Adam, step: int) -> float:
    """Return torch's eps for step 1, 2, ..., at which torch computes benchbench's formula."""
    return formula.epsilon / math.sqrt(1 - formula.beta_2**step)


def formula_adam(parameters: Iterable[torch.nn.Parameter], formula: Adam) -> torch.optim.Adam:
    """Return torch's Adam, default implementation, with its eps set anew before every step."""
    optimizer = torch.optim.Adam(
        parameters, lr=formula.learning_rate, betas=(formula.beta_1, formula.beta_2)
    )
    step = 0

    def set_epsilon(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        nonlocal step
        step += 1
        for group in optimizer.param_groups:
            group["eps"] = epsilon_at(formula, step)

    optimizer.register_step_pre_hook(set_epsilon)
    return optimizer


class FusedAdam:
    """torch's fused kernel on one vector of parameters and one of gradients, float32 (count,)."""

    def __init__(self, parameters: torch.Tensor, gradients: torch.Tensor, formula: Adam) -> None:
        self._formula = formula
        self._step = 0
        self._step_count = torch.zeros((), device=parameters.device)
        self._tensors: tuple[list[torch.Tensor], ...] = (
            [parameters],
            [gradients],
            [torch.zeros_like(parameters)],
            [torch.zeros_like(parameters)],
            [],
            [self._step_count],
        )

    def step(self) -> None:
        """Update the parameters in place from the gradients as they stand."""
        self._step += 1
        self._step_count += 1
        torch._fused_adam_(
            *self._tensors,
            lr=self._formula.learning_rate,
            beta1=self._formula.beta_1,
            beta2=self._formula.beta_2,
            weight_decay=0.0,
            eps=epsilon_at(self._formula, self._step),
            amsgrad=False,
            maximize=False,
        )
