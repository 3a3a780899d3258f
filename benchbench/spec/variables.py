"""A variable: one array that a model holds, with its name, its shape and its first values."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Shape: TypeAlias = tuple[int, ...]
InitializerName: TypeAlias = Literal["glorot_uniform", "zeros", "ones"]


class Variable(msgspec.Struct, frozen=True):
    """One array of a model, float32, in canonical layout.

    `name` is unique in the model: `layers.3.kernel` is the kernel of the layer at place 3, from 0.
    A variable that is not `trainable` is state that training keeps (a running mean).
    """

    name: str
    shape: Shape
    initializer: InitializerName
    trainable: bool = True

    @property
    def role(self) -> str:
        """What it is within its layer: "kernel", "bias"."""
        return self.name.rpartition(".")[2]

    @property
    def decayed(self) -> bool:
        """Whether weight decay acts on it: kernels and embeddings, no bias and no scale."""
        return self.trainable and self.role.endswith(("kernel", "embeddings"))

    @property
    def count(self) -> int:
        """The number of values in the array."""
        return math.prod(self.shape)


def first_values(variable: Variable, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the variable's first values, by the formula of its initializer."""
    return _INITIALIZERS[variable.initializer](variable.shape, random)


def _glorot_uniform(shape: Shape, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw from [-limit, limit), limit = sqrt(6 / (fan_in + fan_out)).

    `shape` ends in (in, out); what stands before, a convolution's height and width, multiplies both
    fans. Source: Glorot and Bengio, AISTATS 2010, equation 16.
    """
    import numpy as np

    area = math.prod(shape[:-2])
    limit = math.sqrt(6 / (area * (shape[-2] + shape[-1])))
    return random.uniform(-limit, limit, shape).astype(np.float32)


def _zeros(shape: Shape, _random: np.random.Generator) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.zeros(shape, np.float32)


def _ones(shape: Shape, _random: np.random.Generator) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.ones(shape, np.float32)


_INITIALIZERS: MappingProxyType[
    InitializerName, Callable[[Shape, np.random.Generator], npt.NDArray[np.float32]]
] = MappingProxyType({"glorot_uniform": _glorot_uniform, "zeros": _zeros, "ones": _ones})
