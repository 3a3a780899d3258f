"""Usual mistakes of layers of images that no spec can say: the reference makes them on purpose.

Each is a layer of the spec with a field `mistake` more, which the float64 reference alone knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.certify.mistaken_layers import Change
from benchbench.spec.layers import AvgPool2D, Conv2D, GlobalAvgPool2D, Layer, MaxPool2D
from benchbench.spec.model import LayerTrace
from benchbench.spec.variables import Variable

SYMMETRIC = "symmetric padding"


class MistakenConv2D(Conv2D, frozen=True, tag="Conv2D"):
    mistake: str = ""


class MistakenAvgPool2D(AvgPool2D, frozen=True, tag="AvgPool2D"):
    mistake: str = ""


class MistakenMaxPool2D(MaxPool2D, frozen=True, tag="MaxPool2D"):
    mistake: str = ""


class MistakenGlobalAvgPool2D(GlobalAvgPool2D, frozen=True, tag="GlobalAvgPool2D"):
    mistake: str = ""


_KINDS: MappingProxyType[type[Any], type[Any]] = MappingProxyType(
    {
        Conv2D: MistakenConv2D,
        AvgPool2D: MistakenAvgPool2D,
        MaxPool2D: MistakenMaxPool2D,
        GlobalAvgPool2D: MistakenGlobalAvgPool2D,
    }
)


def of_windows() -> Iterator[tuple[str, Change]]:
    """Yield in words, with the layers that make them, mistakes that show in predictions."""
    yield (
        "padding is symmetric, as torch's padding=1: where the amount is odd, 'same' puts the "
        "pixel more behind, not before",
        _with_mistake((Conv2D, AvgPool2D, MaxPool2D), SYMMETRIC),
    )
    yield (
        "the average counts the padding (count_include_pad, torch's and Flax's default): it is "
        "that of what lies inside the image",
        _with_mistake((AvgPool2D,), "padding counted"),
    )
    yield (
        "the average is that of a border that is repeated outwards, as in Keras on torch",
        _with_mistake((AvgPool2D,), "border repeated"),
    )
    yield (
        "the maximum is taken over a padding of 0, not of minus infinity",
        _with_mistake((MaxPool2D,), "padded with 0"),
    )
    yield (
        "GlobalAvgPool2D takes the maximum, not the average",
        _with_mistake((GlobalAvgPool2D,), "maximum"),
    )


def _with_mistake(kinds: Sequence[type[Any]], mistake: str) -> Change:
    """Return what makes each layer of these kinds mistaken that pads, if it has a padding."""

    def change(layer: Layer) -> Layer:
        if type(layer) not in kinds or getattr(layer, "padding", "same") != "same":
            return layer
        fields = msgspec.structs.asdict(layer)
        mistaken: Layer = _KINDS[type(layer)](**fields, mistake=mistake)
        return mistaken

    return change


def multiplier_first(
    leaf: LayerTrace, variable: Variable, array: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return the kernel of a grouped convolution whose filters lie multiplier first, (m, c)."""
    groups = getattr(leaf.layer, "groups", 1)
    if variable.role != "kernel" or groups == 1:
        return array
    filters = array.shape[-1]
    order = np.arange(filters).reshape(filters // groups, groups).T.ravel()
    return array[..., order]
