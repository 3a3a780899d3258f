"""The loss and the optimizer of a user's torch file: what they are called, what they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchbench.plugins.ports import (
    PortError,
    PortLoss,
    PortOptimizer,
    PortOutputs,
    PortSetting,
    PortTargets,
)

_LOSSES: tuple[tuple[type[nn.Module], Any, PortTargets, PortOutputs], ...] = (
    (nn.CrossEntropyLoss, functional.cross_entropy, "classes", "logits"),
    (nn.NLLLoss, functional.nll_loss, "classes", "log-probabilities"),
    (nn.BCEWithLogitsLoss, functional.binary_cross_entropy_with_logits, "binary", "logits"),
    (nn.BCELoss, functional.binary_cross_entropy, "binary", "probabilities"),
    (nn.MSELoss, functional.mse_loss, "values", "values"),
    (nn.L1Loss, functional.l1_loss, "values", "values"),
    (nn.SmoothL1Loss, functional.smooth_l1_loss, "values", "values"),
    (nn.HuberLoss, functional.huber_loss, "values", "values"),
)
_SETTINGS = {
    "learning_rate": "lr",
    "momentum": "momentum",
    "nesterov": "nesterov",
    "dampening": "dampening",
    "epsilon": "eps",
    "rho": "alpha",
    "amsgrad": "amsgrad",
    "weight_decay": "weight_decay",
    "initial_accumulator_value": "initial_accumulator_value",
    "centered": "centered",
}


def describe_loss(loss: Any) -> PortLoss:
    """Return what a loss takes; "unknown" for a function of the file's own."""
    for module, function, targets, outputs in _LOSSES:
        if isinstance(loss, module) or loss is function:
            names = ("label_smoothing", "reduction", "beta", "delta", "ignore_index")
            found: dict[str, PortSetting] = {
                name: getattr(loss, name) for name in names if hasattr(loss, name)
            }
            for name in ("weight", "pos_weight"):
                if isinstance(getattr(loss, name, None), torch.Tensor):
                    found[name] = str(getattr(loss, name).tolist())
            return PortLoss(name=module.__name__, targets=targets, outputs=outputs, settings=found)
    return PortLoss(name=getattr(loss, "__name__", type(loss).__name__))


def describe_optimizer(optimizer: torch.optim.Optimizer) -> PortOptimizer:
    """Return an optimizer's settings by Keras's names, those of its first group."""
    groups = optimizer.param_groups
    settings: dict[str, PortSetting] = {
        name: groups[0][own]
        for name, own in _SETTINGS.items()
        if isinstance(groups[0].get(own), int | float | bool)
    }
    if "betas" in groups[0]:
        settings |= {"beta_1": groups[0]["betas"][0], "beta_2": groups[0]["betas"][1]}
    decays = [group.get("weight_decay", 0) for group in groups]
    if any(decays):
        settings["weight_decay"] = max(decays)
        flat = [
            p
            for group in groups
            if group.get("weight_decay")
            for p in group["params"]
            if p.ndim == 1
        ]
        settings["decays_biases"] = bool(flat)
        name = type(optimizer).__name__
        settings["decoupled"] = name == "AdamW" or bool(groups[0].get("decoupled_weight_decay"))
    if not _has_hooks(optimizer):
        settings["schedule"] = "none"
    steps = [int(state.get("step", 1)) for state in optimizer.state.values() if state]
    return PortOptimizer(
        name=type(optimizer).__name__, settings=settings, steps_done=max(steps, default=0)
    )


def _has_hooks(optimizer: torch.optim.Optimizer) -> bool:
    """Say whether something happens before or behind a step, such as that of a schedule."""
    hooks = optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks
    return any(hooks) or type(optimizer).__module__.partition(".")[0] != "torch"


def loss_of(loss: Any, outputs: PortOutputs) -> Callable[[torch.Tensor, Any], torch.Tensor]:
    """Return the loss as a function of output and canonical targets.

    Without one it is the protocol's cross-entropy of what the outputs are.
    """
    if loss is None:
        return lambda output, targets: _cross_entropy(output, targets, outputs)
    kind = describe_loss(loss).targets
    if kind == "unknown":
        return _OwnLoss(loss)
    return lambda output, targets: _scalar(loss(output, _targets(output, targets, kind)))


class _OwnLoss:
    """A loss of the file's own: it takes classes by number, or where it does not, one-hot."""

    def __init__(self, loss: Any) -> None:
        self._loss, self._one_hot = loss, False

    def __call__(self, output: torch.Tensor, targets: Any) -> torch.Tensor:
        numbers = _targets(output, targets, "unknown")
        if not self._one_hot:
            try:
                return _scalar(self._loss(output, numbers))
            except (RuntimeError, IndexError, TypeError, ValueError):
                if numbers.is_floating_point() or output.shape[:-1] != numbers.shape:
                    raise
                self._one_hot = True
        rows = functional.one_hot(numbers.long(), output.shape[-1])
        return _scalar(self._loss(output, rows.to(output)))


def _cross_entropy(output: torch.Tensor, targets: Any, outputs: PortOutputs) -> torch.Tensor:
    if not np.issubdtype(targets.dtype, np.integer):
        return functional.mse_loss(output, torch.as_tensor(targets).to(output))
    if outputs == "probabilities":
        output = output.clamp_min(1e-30).log()
    if output.ndim == targets.ndim + 1 > 3:  # images: the classes are their channels
        return functional.cross_entropy(output, torch.as_tensor(targets))
    rows = output.reshape(-1, output.shape[-1])
    return functional.cross_entropy(rows, torch.as_tensor(targets).reshape(-1))


def _targets(output: torch.Tensor, targets: Any, kind: PortTargets) -> torch.Tensor:
    """Return targets as the loss takes them: classes as they are, else like the output."""
    tensor = torch.as_tensor(targets)
    if kind in {"binary", "values"} or not np.issubdtype(targets.dtype, np.integer):
        return tensor.to(output).reshape(output.shape)
    return tensor


def _scalar(value: Any) -> torch.Tensor:
    """Return the mean of a loss that is given sample by sample."""
    if not isinstance(value, torch.Tensor):
        raise PortError(
            f"its loss returns a {type(value).__name__}; expected a tensor, which leads back to "
            f"the variables: return it before .item() or float()"
        )
    return value if value.ndim == 0 else value.mean()
