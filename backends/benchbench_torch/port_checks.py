"""What a user's torch factory may return, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchbench.plugins.ports import PortError


def checked(made: Any) -> tuple[nn.Module, Any, Any]:
    """Return module, optimizer and loss; the last two may be None. Raises PortError."""
    module, optimizer, loss = made if isinstance(made, tuple) else (made, None, None)
    if isinstance(optimizer, nn.Module) and isinstance(loss, torch.optim.Optimizer):
        raise PortError(
            "the factory returned (network, loss, optimizer); expected (network, optimizer, loss)"
        )
    module = getattr(module, "_orig_mod", module)  # what torch.compile was given
    if not isinstance(module, nn.Module):
        raise PortError(f"expected a torch.nn.Module, got {type(module).__name__}")
    _must_be_watched(module)
    if isinstance(optimizer, nn.Module):
        raise PortError(
            f"expected an optimizer behind the network, got {type(optimizer).__name__}: the "
            f"order is (network, optimizer, loss)"
        )
    if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
        if not callable(optimizer):
            raise PortError(
                f"expected a torch.optim.Optimizer, or a function of parameters that makes "
                f"one, got {type(optimizer).__name__}"
            )
        optimizer = optimizer(module.parameters())
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise PortError(
                f"expected a torch.optim.Optimizer of the function behind the network, got "
                f"{type(optimizer).__name__}: the order is (network, optimizer, loss)"
            )
    if loss is not None and not callable(loss):
        raise PortError(f"expected a loss of (outputs, targets), got {type(loss).__name__}")
    return module, optimizer, loss


def _must_be_watched(module: nn.Module) -> None:
    """Raise PortError for layers that cannot be watched or trained."""
    layers = list(module.modules())
    if any(isinstance(one, torch.jit.ScriptModule) for one in layers):
        raise PortError(
            "expected a torch.nn.Module whose layers can be watched, got a scripted one: "
            "return it before torch.jit.script"
        )
    quantized = [one for one in layers if ".quantized" in type(one).__module__]
    if quantized:
        raise PortError(
            f"expected a network that trains in floating point, got a quantized "
            f"{type(quantized[0]).__name__}: return it before it is quantized"
        )
    arrays = (*module.named_parameters(), *module.named_buffers())
    empty = [name for name, value in arrays if value.is_meta]
    if empty:
        raise PortError(
            f"expected variables with values, got {empty[0]} on the device 'meta': make the "
            f"network on the CPU, or fill it by module.to_empty(device='cpu') and its initializers"
        )
