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
