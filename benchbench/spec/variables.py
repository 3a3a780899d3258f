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
InitializerName: TypeAlias = Literal[
    "glorot_uniform",
    "glorot_uniform_to_heads",
    "glorot_uniform_from_heads",
    "orthogonal",
    "small_uniform",
    "zeros",
    "ones",
    "ones_of_second_quarter",
]


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
    """Draw by Glorot's rule for a shape that ends in (in, out).

    What stands before, a convolution's height and width, multiplies both fans.
    """
    return _glorot(shape, math.prod(shape[:-2]) * (shape[-2] + shape[-1]), random)


def _glorot_uniform_to_heads(shape: Shape, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw by Glorot's rule for (in, heads, size): heads * size outputs."""
    return _glorot(shape, shape[0] + shape[1] * shape[2], random)


def _glorot_uniform_from_heads(
    shape: Shape, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Draw by Glorot's rule for (heads, size, out): heads * size inputs."""
    return _glorot(shape, shape[0] * shape[1] + shape[2], random)


def _glorot(shape: Shape, fans: int, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw from [-limit, limit), limit = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, AISTATS 2010, equation 16.
    """
    import numpy as np

    limit = math.sqrt(6 / fans)
    return random.uniform(-limit, limit, shape).astype(np.float32)


def _orthogonal(shape: Shape, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw a matrix whose rows, or columns where there are fewer of them, are orthonormal.

    All such matrices are equally likely. Source: Saxe, McClelland and Ganguli, ICLR 2014; the
    signs of R's diagonal as Mezzadri, "How to generate random matrices", 2007.
    """
    import numpy as np

    rows, columns = shape
    q, r = np.linalg.qr(random.normal(size=(max(shape), min(shape))))
    q *= np.sign(np.diag(r))
    return np.ascontiguousarray(q if rows >= columns else q.T).astype(np.float32)


def _small_uniform(shape: Shape, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw from [-0.05, 0.05), as Keras does for embeddings."""
    import numpy as np

    return random.uniform(-0.05, 0.05, shape).astype(np.float32)


def _zeros(shape: Shape, _random: np.random.Generator) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.zeros(shape, np.float32)


def _ones(shape: Shape, _random: np.random.Generator) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.ones(shape, np.float32)


def _ones_of_second_quarter(shape: Shape, _random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return 1 for the second gate of four and 0 else: an LSTM that forgets little at first."""
    import numpy as np

    quarter = shape[-1] // 4
    values = np.zeros(shape, np.float32)
    values[..., quarter : 2 * quarter] = 1
    return values


_INITIALIZERS: MappingProxyType[
    InitializerName, Callable[[Shape, np.random.Generator], npt.NDArray[np.float32]]
] = MappingProxyType(
    {
        "glorot_uniform": _glorot_uniform,
        "glorot_uniform_to_heads": _glorot_uniform_to_heads,
        "glorot_uniform_from_heads": _glorot_uniform_from_heads,
        "orthogonal": _orthogonal,
        "small_uniform": _small_uniform,
        "zeros": _zeros,
        "ones": _ones,
        "ones_of_second_quarter": _ones_of_second_quarter,
    }
)
