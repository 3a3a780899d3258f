"""Modules for what `torch.nn` has no module for, or one with another formula.

Images are (n, channels, height, width), sequences (n, steps, features), as torch has them.
Each reason stands in docs/torch.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

# What is added to each side of an image: (left, right, top, bottom).
Padding = tuple[int, int, int, int]


class SameAvgPool2d(nn.Module):
    """The mean of what of each window lies inside the image; torch pads both sides alike."""

    def __init__(self, size: tuple[int, int], strides: tuple[int, int], padding: Padding) -> None:
        super().__init__()
        self._size, self._strides, self._padding = size, strides, padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = functional.pad(x.new_ones(1, 1, *x.shape[2:]), self._padding)
        share = functional.avg_pool2d(inside, self._size, self._strides)
        padded = functional.pad(x, self._padding)
        return functional.avg_pool2d(padded, self._size, self._strides) / share


class GlobalMean(nn.Module):
    """The mean over these axes."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self._axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(self._axes)


class _BiasedStatistics(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation whose moving variance follows the biased variance, as the spec has it.

    torch moves it by the unbiased one, n / (n - 1) times as large; the difference is taken back.
    A single value a channel is its own mean, with variance 0: torch refuses it.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1]
        momentum = float(self.momentum or 0)
        kept = self.get_buffer("running_var") * (1 - momentum)
        if count == 1:
            with torch.no_grad():
                self.get_buffer("running_mean").lerp_(x.flatten(), momentum)
                self.running_var = kept
            shape = (1, -1, *(1 for _ in x.shape[2:]))
            return (x - x) * self.weight.view(shape) + self.bias.view(shape)
        y = super().forward(x)
        with torch.no_grad():
            moved = self.get_buffer("running_var") - kept
            # A new tensor: the backward pass still reads the old one.
            self.running_var = kept + moved * ((count - 1) / count)
        return y


class BatchNorm1d(_BiasedStatistics, nn.BatchNorm1d):
    """`nn.BatchNorm1d` by the spec's formula, over (n, features) or (n, features, steps)."""


class BatchNorm2d(_BiasedStatistics, nn.BatchNorm2d):
    """`nn.BatchNorm2d` by the spec's formula."""


class LastAxis(nn.Module):
    """A module for channels second, applied to channels last, or the other way round."""

    def __init__(self, module: nn.Module, *, to_last: bool) -> None:
        super().__init__()
        self.module = module
        self._to_last = to_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        there, back = ((1, -1), (-1, 1)) if self._to_last else ((-1, 1), (1, -1))
        y: torch.Tensor = self.module(x.movedim(*there))
        return y.movedim(*back)


class Reshape(nn.Module):
    """Lay a sample out anew, row-major with channels last, as the spec does."""

    def __init__(self, shape: Sequence[int], *, from_image: bool) -> None:
        super().__init__()
        self._shape = tuple(shape)
        self._from_image = from_image

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        last = x.movedim(1, -1) if self._from_image else x
        y = last.reshape(len(x), *self._shape)
        return y.movedim(-1, 1) if len(self._shape) == 3 else y


class Residual(nn.Module):
    """layers(x) + shortcut(x)."""

    def __init__(self, layers: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x) + self.shortcut(x)
        return y


class Concat(nn.Module):
    """What the branches make of x, side by side along the axis of channels or features."""

    def __init__(self, branches: Sequence[nn.Module], *, axis: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self._axis = axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], self._axis)
