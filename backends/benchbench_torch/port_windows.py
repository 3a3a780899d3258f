"""Windows over images in torch as those of the spec: its padding is symmetric, the spec's is not.

The spec pads "same" as TensorFlow does: what is missing, the larger half at the end. torch pads
both sides alike, or by a layer before. Whether the two are one hangs on the image's size.
"""

from __future__ import annotations

from typing import Any

import benchbench
from benchbench.plugins.port_graph import Amounts, PortGraph, symmetric

Pair = tuple[int, int]


def convolution(graph: PortGraph, label: str, module: Any, node: str) -> str:
    """Add an nn.Conv2d, with the padding done before it."""
    if module.padding_mode != "zeros":
        reason = f"it pads by padding_mode='{module.padding_mode}'"
        return graph.refuse(label, reason, "a spec pads with zeros", node)
    size, strides, dilation = map(pair, (module.kernel_size, module.stride, module.dilation))
    window = (size[0] - 1) * dilation[0] + 1, (size[1] - 1) * dilation[1] + 1
    node, before = graph.unpadded(node)
    own = _amounts(module.padding, window)
    total: Amounts = tuple(map(sum, zip(before, own, strict=True)))  # type: ignore[assignment]
    padding = graph.padding(node, window, strides, total)
    if padding is None:
        return graph.refuse(label, *symmetric(total), node)
    layer = benchbench.Conv2D(
        module.out_channels,
        size,
        strides=strides,
        padding=padding,
        groups=module.groups,
        dilation=dilation,
        use_bias=module.bias is not None,
    )
    return graph.layer(label, layer, node)


def max_pool(
    graph: PortGraph,
    label: str,
    node: str,
    *,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> str:
    """Add a max pool."""
    if pair(dilation) != (1, 1):
        return graph.refuse(label, "it has a dilation", "", node)
    options = {"size": size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    return _pool(graph, label, node, benchbench.MaxPool2D, **options)


def average_pool(
    graph: PortGraph,
    label: str,
    node: str,
    *,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    counts_padding: bool = True,
    divisor: int | None = None,
) -> str:
    """Add an average pool that leaves padding out, as the spec's."""
    if divisor is not None:
        return graph.refuse(label, "it divides by a divisor_override", "", node)
    if counts_padding and pair(padding) != (0, 0):
        return graph.refuse(
            label,
            "it counts the padding into the mean",
            "a spec's does not: count_include_pad=False",
            node,
        )
    options = {"size": size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    return _pool(graph, label, node, benchbench.AvgPool2D, **options)


def adaptive_average_pool(graph: PortGraph, label: str, node: str, size: Any) -> str:
    """Add a pool to a given size, where its windows are all alike."""
    shape = graph.shape(node)
    if shape is None:
        return graph.copy(label, node)
    if len(shape) != 3:
        return graph.refuse(label, "it pools what is no image here", "", node)
    sides = (shape[0], shape[1])
    rows, columns = (
        side if one is None else one for one, side in zip(pair(size), sides, strict=True)
    )
    if sides[0] % rows or sides[1] % columns:
        reason = f"its windows over an image of {sides[0]}x{sides[1]} are not all of one size"
        return graph.refuse(label, reason, "pool to a size that divides the image's", node)
    layer = benchbench.AvgPool2D((sides[0] // rows, sides[1] // columns))
    return graph.layer(label, layer, node)


def zero_pad(graph: PortGraph, label: str, node: str, padding: Any) -> str:
    """Add zeros around an image; torch says (left, right, top, bottom)."""
    four = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
    if len(four) != 4 or min(four) < 0:
        return graph.refuse(label, f"it pads {four}", "a spec pads an image's four sides", node)
    left, right, top, bottom = four
    return graph.pad(label, node, (top, bottom, left, right))


def pair(value: Any) -> Pair:
    """Return a size as height and width."""
    if not isinstance(value, tuple | list):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


def _pool(
    graph: PortGraph,
    label: str,
    node: str,
    kind: type[benchbench.MaxPool2D] | type[benchbench.AvgPool2D],
    *,
    size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
) -> str:
    window = pair(size)
    strides = window if stride is None or stride == [] else pair(stride)
    amounts = _amounts(padding, window)
    shape = graph.shape(node)
    if ceil_mode and not any(amounts) and shape is not None and len(shape) == 3:
        # The last window reaches out of the image: as if it were padded there, with nothing.
        over = [-(-(side - w) // s) * s + w - side for side, w, s in zip(shape, window, strides)]  # noqa: B905
        amounts = (0, over[0], 0, over[1])
    found = graph.padding(node, window, strides, amounts)
    if found is None or (ceil_mode and any(_amounts(padding, window))):
        return graph.refuse(label, *symmetric(amounts), node)
    layer = kind(window, None if strides == window else strides, found)
    return graph.layer(label, layer, node)


def _amounts(padding: Any, window: Pair) -> Amounts:
    """Return what is added at the top, the bottom, the left, the right."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        rows, columns = window[0] - 1, window[1] - 1
        return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2
    rows, columns = pair(padding)
    return rows, rows, columns, columns
