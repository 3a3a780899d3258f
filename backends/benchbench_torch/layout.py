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
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from benchbench import Conv2D, Dense, Flatten, Layer, ModelSpec, Unsupported, Variable

FloatArray = npt.NDArray[np.float32]


def tensor_of(array: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> torch.Tensor:
    """Return a tensor that shares the array's memory. It must not be written to.

    torch has no read-only tensors and warns of a read-only array; copying 150 MB of images only to
    silence it would be worse than promising not to write.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def to_torch(model: ModelSpec, arrays: Sequence[FloatArray]) -> list[torch.Tensor]:
    """Return new tensors in torch's layout, in the order of `nn.Module.parameters`."""
    tensors = []
    for array, axes in zip(arrays, _layouts(model), strict=True):
        shape, order, torch_shape = axes
        turned = array.reshape(shape).transpose(order).reshape(torch_shape)
        tensors.append(torch.tensor(turned, dtype=torch.float32))
    return tensors


def to_canonical(model: ModelSpec, tensors: Sequence[torch.Tensor]) -> list[FloatArray]:
    """Return new arrays in canonical layout from tensors in torch's; the inverse of `to_torch`."""
    arrays = []
    for tensor, canonical, axes in zip(
        tensors, model.variable_shapes, _layouts(model), strict=True
    ):
        shape, order, _ = axes
        turned = tensor.detach().cpu().numpy().reshape([shape[axis] for axis in order])
        back = turned.transpose(np.argsort(order)).reshape(canonical)
        arrays.append(np.array(back, dtype=np.float32, order="C"))
    return arrays


Axes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def _layouts(model: ModelSpec) -> Iterator[Axes]:
    """Yield for each variable: its axes spelt out, their order in torch, torch's shape."""
    image: tuple[int, ...] = ()
    for trace in model.trace():
        for variable in trace.variables:
            yield _axes(trace.layer, variable, image)
        if isinstance(trace.layer, Flatten) and len(trace.input_shape) == 3:
            image = trace.input_shape
        elif isinstance(trace.layer, Dense):
            image = ()


def _axes(layer: Layer, variable: Variable, image: tuple[int, ...]) -> Axes:
    """Return the axes of a variable; `image` is the shape that Flatten laid out before the layer.

    Raises Unsupported for a variable whose layout in torch is not known here.
    """
    shape = variable.shape
    match layer, variable.role:
        case _, "bias":
            return shape, (0,), shape
        case Conv2D(), "kernel":
            return shape, (3, 2, 0, 1), (shape[3], shape[2], shape[0], shape[1])
        case Dense(), "kernel" if image:
            return (*image, shape[1]), (3, 2, 0, 1), (shape[1], shape[0])
        case Dense(), "kernel":
            return shape, (1, 0), (shape[1], shape[0])
    raise Unsupported(f"torch: the layout of {variable.name} ({type(layer).__name__}) is not known")
