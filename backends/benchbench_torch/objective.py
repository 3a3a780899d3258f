"""The loss of the spec in torch: what is minimised, what is predicted and what is counted.

Logits are (n, *outputs); torch's losses take a class at each step as more samples.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

import benchbench


class Objective:
    """A loss at work. `loss` is torch's own module; `name` is how one would write it."""

    def __init__(self, loss: benchbench.Loss) -> None:
        self._kind = loss
        self.loss = _module(loss)
        self.name = f"torch.nn.{type(self.loss).__name__}"

    def mean_loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over the samples of a batch."""
        if isinstance(self._kind, benchbench.CrossEntropy):
            logits, targets = logits.flatten(0, -2), targets.flatten()
        loss: torch.Tensor = self.loss(logits, targets)
        return loss

    def mean_metric(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean metric over the samples of a batch."""
        match self._kind:
            case benchbench.CrossEntropy():
                return (logits.argmax(-1) == targets).float().mean()
            case benchbench.BinaryCrossEntropy():
                return ((logits > 0) == (targets > 0.5)).float().mean()
        return functional.l1_loss(logits, targets)

    def outputs(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what is predicted: probabilities or values."""
        match self._kind:
            case benchbench.CrossEntropy():
                return logits.softmax(-1)
            case benchbench.BinaryCrossEntropy():
                return logits.sigmoid()
        return logits

    def dense_targets(self, targets: torch.Tensor, classes: int) -> torch.Tensor:
        """Return the targets as floats, shaped as the logits; labels one-hot, and smoothed."""
        if not isinstance(self._kind, benchbench.CrossEntropy):
            return targets
        onehot = functional.one_hot(targets, classes).float()
        smoothing = self._kind.label_smoothing
        return onehot.mul_(1 - smoothing).add_(smoothing / classes) if smoothing else onehot

    def gradient(self, logits: torch.Tensor, dense_targets: torch.Tensor) -> torch.Tensor:
        """Return the derivative of the mean loss, from targets as `dense_targets` gives them."""
        if isinstance(self._kind, benchbench.CrossEntropy):
            positions = dense_targets[..., 0].numel()
            return torch.softmax(logits, -1).sub_(dense_targets).div_(positions)
        if isinstance(self._kind, benchbench.BinaryCrossEntropy):
            return torch.sigmoid(logits).sub_(dense_targets).div_(logits.numel())
        return torch.sub(logits, dense_targets).mul_(2 / logits.numel())


def _module(loss: benchbench.Loss) -> nn.Module:
    match loss:
        case benchbench.CrossEntropy(smoothing):
            return nn.CrossEntropyLoss(label_smoothing=smoothing)
        case benchbench.BinaryCrossEntropy():
            return nn.BCEWithLogitsLoss()
        case benchbench.MeanSquaredError():
            return nn.MSELoss()
    raise benchbench.Unsupported(f"torch has no loss {type(loss).__name__} here")
