"""What every layer of a spec has: shapes, variables and arithmetic, worked out from its numbers.

A layer is data. What it computes is written in the backends; what follows from its numbers alone is
written here. `original_fields` are those that a kind of layer had in its first release (see
`spec.identity`).

Shapes are those of one sample, without the batch: (height, width, channels), (steps, features) or
(features,).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.variables import Shape, Variable

# No array, and no table of a record, holds more than 64 bits can count.
Count = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Size2D: TypeAlias = tuple[Count, Count]
Positive = Annotated[float, msgspec.Meta(gt=0, lt=1e6)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Padding: TypeAlias = Literal["valid", "same"]


class BaseLayer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=False
):
    """One layer: a function of a batch of samples, with its variables."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample. Raises SpecError where the input does not fit."""
        raise NotImplementedError

    def misfits(self, input_shape: Shape) -> Iterator[SpecError]:
        """Yield all that keeps the layer from taking this input."""
        try:
            self.output_shape(input_shape)
        except SpecError as error:
            yield error

    def mended_shape(self, input_shape: Shape) -> Shape | None:
        """Return the largest output that a layer which does not fit could have once it is mended.

        None where that is not known.
        """
        return None

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        """Return the layer's variables in canonical order and layout, by their names within it."""
        return ()

    def count_formula(self, input_shape: Shape) -> str:
        """Return how the parameter count comes about, or an empty string."""
        return ""

    def forward_flops(self, input_shape: Shape) -> int:
        """Return the floating-point operations of one sample's forward pass.

        Multiplications and additions of kernels and biases, one each; reshapes, comparisons (ReLU,
        pooling), activations and normalisations are not counted.
        """
        return 0

    def describe(self) -> str:
        """Return the layer as one would write it: `Conv2D(32, 3x3, relu)`."""
        raise NotImplementedError


def image(layer: str, shape: Shape) -> tuple[int, int, int]:
    """Return (height, width, channels). Raises SpecError for a shape of another rank."""
    if len(shape) != 3:
        raise SpecError(
            f"{layer} expects an image (height, width, channels), but its input has shape {shape}"
        )
    return shape[0], shape[1], shape[2]


def sequence(layer: str, shape: Shape) -> tuple[int, int]:
    """Return (steps, features). Raises SpecError for a shape of another rank."""
    if len(shape) != 2:
        raise SpecError(
            f"{layer} expects a sequence (steps, features), but its input has shape {shape}: "
            f"a Reshape layer lays it out so"
        )
    return shape[0], shape[1]


def window_count(size: int, window: int, stride: int, padding: Padding) -> int:
    """Return how many positions a window takes along an axis of `size`.

    "valid": those that lie inside. "same": ceil(size / stride), the input padded with what is
    missing, half of it before (rounded down) and the rest after.
    Source: TensorFlow, `tf.nn.convolution`, "SAME" and "VALID".
    """
    return -(-size // stride) if padding == "same" else (size - window) // stride + 1


def padding_amounts(size: int, window: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Return how much is padded before and after an axis of `size`."""
    if padding == "valid":
        return 0, 0
    total = max((window_count(size, window, stride, padding) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def windows(
    words: str, shape: Shape, *, window: Size2D, strides: Size2D, padding: Padding, field: str
) -> tuple[int, int]:
    """Return the output height and width of windows over an image.

    Raises SpecError naming `field` where a window is larger than the image that it must lie in.
    """
    height, width = shape[:2]
    if padding == "valid" and (window[0] > height or window[1] > width):
        raise SpecError(
            f"{words} of {window[0]}x{window[1]} is larger than its input of {height}x{width}",
            (field,),
        )
    return (
        window_count(height, window[0], strides[0], padding),
        window_count(width, window[1], strides[1], padding),
    )


def pair_text(pair: Size2D) -> str:
    """Return a pair as one would write it: 3x3."""
    return f"{pair[0]}x{pair[1]}"


def call_text(name: str, *arguments: str) -> str:
    """Return a layer as one would write it, empty arguments left out."""
    return f"{name}({', '.join(argument for argument in arguments if argument)})"
