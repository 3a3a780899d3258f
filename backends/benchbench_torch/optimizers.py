"""torch's own optimizers made to follow benchbench's formulas.

| | torch | benchbench | how torch computes it |
|---|---|---|---|
| Adam | epsilon added to the corrected root | and to the uncorrected one | eps, every step |
| SGD | `weight_decay` is part of the gradient | decoupled | a hook before the step |
| RMSprop | epsilon added to the root | under it | `square_avg` holds v + epsilon |
| clipping | c / (n + 1e-6) | c / n | a norm 1e-6 smaller |
| schedules | a scheduler a kind | a function of the step | LambdaLR |

The two forms of Adam are the same function for eps = epsilon / sqrt(1 - beta2^t): multiply
numerator and denominator by sqrt(1 - beta2^t).

    torch:      lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
    benchbench: lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler

from benchbench import SGD, Adam, AdamW, Optimizer, RMSprop, Unsupported

# What torch adds to a norm before it divides by it.
_TORCH_NORM_EPSILON = 1e-6

_Parameters = Sequence[nn.Parameter]


def epsilon_at(formula: Adam | AdamW, step: int) -> float:
    """Return torch's eps for step 1, 2, ..., at which torch computes benchbench's formula."""
    if formula.epsilon_added_to == "corrected_root":
        return formula.epsilon
    return formula.epsilon / math.sqrt(1 - formula.beta_2**step)


class TorchOptimizer:
    """An optimizer of `torch.optim`, its schedule and the clipping before it.

    `decayed`: those of the parameters on which weight decay acts.
    """

    def __init__(
        self,
        parameters: _Parameters,
        formula: Optimizer,
        *,
        decayed: _Parameters,
        clip_norm: float | None,
    ) -> None:
        self._parameters = parameters
        self._clip_norm = clip_norm
        # A schedule gives the rate itself: LambdaLR multiplies it by this one.
        rate = 1.0 if formula.schedule else formula.rate_at(0)
        self._optimizer = _make(parameters, formula, decayed, rate)
        self._scheduler = (
            lr_scheduler.LambdaLR(self._optimizer, formula.rate_at) if formula.schedule else None
        )
        self.settings = _settings(formula, clip_norm)

    def zero_grad(self) -> None:
        """Forget the gradients, as before every backward pass."""
        self._optimizer.zero_grad()

    def step(self) -> None:
        """Clip the gradients, update the parameters, move on in the schedule."""
        if self._clip_norm is not None:
            clip_gradients(self._parameters, self._clip_norm)
        self._optimizer.step()
        if self._scheduler:
            self._scheduler.step()


def clip_gradients(parameters: _Parameters, largest: float) -> None:
    """Scale the gradients to a norm of `largest` over all of them, if theirs is larger.

    As `clip_grad_norm_`, but for the 1e-6 that it adds to the norm.
    """
    gradients = [one.grad for one in parameters if one.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    nn.utils.clip_grads_with_norm_(parameters, largest, norm - _TORCH_NORM_EPSILON)


def _make(
    parameters: _Parameters, formula: Optimizer, decayed: _Parameters, rate: float
) -> torch.optim.Optimizer:
    match formula:
        case SGD():
            sgd = torch.optim.SGD(
                parameters, lr=rate, momentum=formula.momentum, nesterov=formula.nesterov
            )
            if formula.weight_decay:
                sgd.register_step_pre_hook(_decay(decayed, formula.weight_decay))
            return sgd
        case Adam():
            betas = formula.beta_1, formula.beta_2
            adam = torch.optim.Adam(parameters, lr=rate, betas=betas)
            adam.register_step_pre_hook(_set_epsilon(formula))
            return adam
        case AdamW():
            rest = [one for one in parameters if not any(one is other for other in decayed)]
            groups = [
                {"params": list(decayed), "weight_decay": formula.weight_decay},
                {"params": rest, "weight_decay": 0.0},
            ]
            betas = formula.beta_1, formula.beta_2
            adamw = torch.optim.AdamW([g for g in groups if g["params"]], lr=rate, betas=betas)
            adamw.register_step_pre_hook(_set_epsilon(formula))
            return adamw
        case RMSprop():
            return _rmsprop(parameters, formula, rate)
    raise Unsupported(f"torch has no optimizer {type(formula).__name__}")


Hook = Callable[[torch.optim.Optimizer, Any, Any], None]


def _set_epsilon(formula: Adam | AdamW) -> Hook:
    """Return what sets eps before every step."""
    step = 0

    def hook(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        nonlocal step
        step += 1
        for group in optimizer.param_groups:
            group["eps"] = epsilon_at(formula, step)

    return hook


def _decay(decayed: _Parameters, weight_decay: float) -> Hook:
    """Return what shrinks these parameters before every step, by the rate of that step."""

    @torch.no_grad()
    def hook(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        rate = optimizer.param_groups[0]["lr"]
        for parameter in decayed:
            parameter.sub_(parameter, alpha=rate * weight_decay)

    return hook


def _rmsprop(parameters: _Parameters, formula: RMSprop, rate: float) -> torch.optim.RMSprop:
    """Return torch's RMSprop with eps = 0, whose `square_avg` holds v + epsilon.

    It makes rho (v + epsilon) + (1 - rho) g^2 of that: what epsilon loses is added before.
    """
    optimizer = torch.optim.RMSprop(parameters, lr=rate, alpha=formula.rho, eps=0.0)
    for parameter in parameters:
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32),
            "square_avg": torch.full_like(
                parameter, formula.epsilon, memory_format=torch.preserve_format
            ),
        }
    lost = formula.epsilon * (1 - formula.rho) / formula.rho

    @torch.no_grad()
    def hook(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        for state in optimizer.state.values():
            state["square_avg"].add_(lost)

    optimizer.register_step_pre_hook(hook)
    return optimizer


def _settings(formula: Optimizer, clip_norm: float | None) -> dict[str, str | int | float | bool]:
    """Return what `settings` says of the optimizer, the schedule and the clipping."""
    kind = str(formula.__struct_config__.tag)  # the spec's name, also of a subclass
    words = {
        "SGD": "",
        "Adam": ", eps set before every step",
        "AdamW": ", two parameter groups, eps set before every step",
        "RMSprop": ", square_avg holds v + epsilon",
    }[kind]
    if isinstance(formula, SGD) and formula.weight_decay:
        words = ", decoupled weight decay in a hook"
    said: dict[str, str | int | float | bool] = {
        "optimizer": f"torch.optim.{kind}, default implementation{words}"
    }
    if formula.schedule:
        said["schedule"] = "LambdaLR, stepped every batch"
    if clip_norm is not None:
        said["clipping"] = "clip_grads_with_norm_, by the exact norm"
    return said
