"""Dropout in a user's torch module, as a layer or as a function: left out, and its rates noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# What each drops: single values where nothing is said.
_FUNCTIONS = {
    torch.dropout: "",
    functional.dropout: "",
    functional.dropout1d: "channels",
    functional.dropout2d: "channels",
    functional.dropout3d: "channels",
    functional.alpha_dropout: "alpha",
    functional.feature_alpha_dropout: "alpha channels",
}
_ATTENTION = functional.scaled_dot_product_attention
_ATTENTION_RATE = 4


class WithoutDropout(TorchFunctionMode):
    """A context in which no call drops anything; `rates` has the rate of each call that would,
    `kinds` what it would drop."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        # These drop within one call of torch's, where no mode sees it.
        self._inner: list[float] = []
        for layer in module.modules():
            if isinstance(layer, nn.MultiheadAttention):
                self._inner.append(layer.dropout)
                layer.dropout = 0.0
            elif isinstance(layer, nn.RNNBase):
                self._inner += [layer.dropout] * (layer.num_layers - 1)
                layer.dropout = 0.0
        self._called: list[tuple[float, str]] = []

    @property
    def rates(self) -> tuple[float, ...]:
        return tuple(rate for rate, _ in self._all())

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for _, kind in self._all())

    def _all(self) -> list[tuple[float, str]]:
        inner = ((rate, "") for rate in self._inner)
        return [(rate, kind) for rate, kind in (*inner, *self._called) if rate]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answer in place of a dropout function, and have attention called without dropout."""
        given = dict(kwargs or {})
        if func in _FUNCTIONS:
            names = ("input", "p", "train" if func is torch.dropout else "training")
            given |= dict(zip(names, args, strict=False))
            if given.get(names[2], True):
                self._called.append((float(given.get("p", 0.5)), _FUNCTIONS[func]))
            return given["input"]
        if func is _ATTENTION:
            if len(args) > _ATTENTION_RATE:
                given["dropout_p"] = args[_ATTENTION_RATE]
                given |= dict(zip(("is_causal",), args[_ATTENTION_RATE + 1 :], strict=False))
                args = args[:_ATTENTION_RATE]
            self._called.append((float(given.pop("dropout_p", 0.0)), ""))
        return func(*args, **given)
