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

import numpy as np
import numpy.typing as npt
import torch

FloatArray = npt.NDArray[np.float32]


def tensor_of(array: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> torch.Tensor:
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


def channels_first(inputs: FloatArray) -> torch.Tensor:
    """Return inputs as torch has them, images (n, channels, height, width); memory is shared."""
    tensor = tensor_of(inputs)
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor
