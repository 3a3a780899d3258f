"""Weights and images between the canonical layout (NumPy, channels last) and torch's.

| | canonical | torch |
|---|---|---|
| images | (n, height, width, channels) | (n, channels, height, width) |
| Conv2D kernel | (height, width, in, out) | (out, in, height, width) |
| Dense kernel | (in, out) | (out, in) |
| Dense kernel after Flatten | in = (height, width, channels) | in = (channels, height, width) |
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

FloatArray = npt.NDArray[np.float32]


def tensor_of(array: npt.NDArray[Any]) -> torch.Tensor:
    """Return a tensor that shares the array's memory. It must not be written to.

    torch has no read-only tensors and warns of a read-only array; copying 150 MB of images only to
    silence it would be worse than promising not to write.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


# The canonical axes spelt out, their order in torch, torch's shape.
Axes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def torch_tensor(array: FloatArray, axes: Axes) -> torch.Tensor:
    """Return a new tensor in torch's layout."""
    shape, order, torch_shape = axes
    turned = array.reshape(shape).transpose(order).reshape(torch_shape)
    return torch.tensor(turned, dtype=torch.float32)


def canonical_array(tensor: torch.Tensor, axes: Axes, canonical: tuple[int, ...]) -> FloatArray:
    """Return a new array in canonical layout; the inverse of `torch_tensor`."""
    shape, order, _ = axes
    turned = tensor.detach().cpu().numpy().reshape([shape[axis] for axis in order])
    back = turned.transpose(np.argsort(order)).reshape(canonical)
    return np.array(back, dtype=np.float32, order="C")


@dataclass(frozen=True)
class Place:
    """Where a variable, or a block of it, lies: in `rows` of the tensor `name` of a module.

    `block` are the indices of the block in the canonical array, none for all of it.
    """

    module: nn.Module
    name: str
    axes: Axes
    block: tuple[int | slice, ...] = ()
    rows: slice = field(default_factory=lambda: slice(None))

    def tensor(self) -> torch.Tensor:
        """Return the tensor as it is now: BatchNorm puts another in its place at every step."""
        tensor: torch.Tensor = getattr(self.module, self.name)
        return tensor

    def load(self, array: FloatArray) -> None:
        """Take the block of a canonical array."""
        self.tensor()[self.rows].copy_(torch_tensor(array[self.block], self.axes))

    def store(self, array: FloatArray) -> None:
        """Write the block into a canonical array."""
        block = array[self.block]
        block[...] = canonical_array(self.tensor()[self.rows], self.axes, block.shape)


def channels_first(inputs: npt.NDArray[Any]) -> torch.Tensor:
    """Return inputs as torch has them, images (n, channels, height, width); memory is shared.

    Tokens stay int32: `nn.Embedding` takes them.
    """
    tensor = tensor_of(inputs)
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor
