"""Layers and operations of Keras as layers of the spec, or why they are none.

Each function is given the graph, the layer, the nodes before it and the arguments of its call; it
returns the node behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import benchbench
from benchbench.plugins.port_graph import PortGraph
from benchbench_keras.port_rules import Read, activation_of, plain, require, weighted


def _dense(layer: Any, activation: Any) -> benchbench.Layer:
    require(not getattr(layer, "lora_enabled", False), "it has a low-rank adapter (lora)")
    return benchbench.Dense(layer.units, activation, layer.use_bias)


def _convolution(graph: PortGraph, layer: Any, nodes: list[str], args: Any, named: Any) -> str:
    """Read a Conv2D or DepthwiseConv2D, with zeros that were added before it."""
    node, amounts = graph.unpadded(nodes[0])
    padding = layer.padding
    if any(amounts):
        size = layer.kernel_size
        window = tuple((k - 1) * d + 1 for k, d in zip(size, layer.dilation_rate, strict=True))
        found = graph.padding(node, window, tuple(layer.strides), amounts)
        if layer.padding != "valid" or found is None:
            return graph.refuse(
                layer.name,
                f"zeros are added before it, {amounts} at the top, the bottom, the left, the right",
                "padding='same' adds what is missing, the larger half at the end",
                nodes[0],
            )
        padding = found
    shape = graph.shape(node)

    def make(layer: Any, activation: Any) -> benchbench.Layer:
        require(padding in {"valid", "same"}, f"its padding is {padding}")
        if hasattr(layer, "depth_multiplier"):
            groups = shape[-1] if shape else 1
            filters = groups * layer.depth_multiplier
        else:
            groups, filters = layer.groups, layer.filters
        return benchbench.Conv2D(
            filters,
            tuple(layer.kernel_size),
            activation,
            strides=tuple(layer.strides),
            padding=padding,
            groups=groups,
            dilation=tuple(layer.dilation_rate),
            use_bias=layer.use_bias,
        )

    return weighted(make)(graph, layer, [node], args, named)


def _pool(kind: Any) -> Callable[[Any], benchbench.Layer]:
    def make(layer: Any) -> benchbench.Layer:
        size, strides = tuple(layer.pool_size), tuple(layer.strides)
        made: benchbench.Layer = kind(size, None if strides == size else strides, layer.padding)
        return made

    return make


def _global(kind: Any) -> Callable[[Any], benchbench.Layer]:
    def make(layer: Any) -> benchbench.Layer:
        require(not layer.keepdims, "it keeps the axes that it averages", "keepdims=False")
        made: benchbench.Layer = kind()
        return made

    return make


def _batch_norm(layer: Any) -> benchbench.Layer:
    require(layer.center and layer.scale, "it has no scale or no shift (center, scale)")
    require(_last_axis(layer.axis, layer), "it normalises another axis than the last")
    require(not getattr(layer, "renorm", False), "it renormalises (renorm=True)")
    return benchbench.BatchNorm(layer.momentum, layer.epsilon)


def _layer_norm(layer: Any) -> benchbench.Layer:
    require(layer.center and layer.scale, "it has no scale or no shift (center, scale)")
    require(not getattr(layer, "rms_scaling", False), "it divides by the root mean square")
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    require(len(axes) == 1 and _last_axis(axes[0], layer), "it normalises other axes than the last")
    return benchbench.LayerNorm(layer.epsilon)


def _last_axis(axis: Any, layer: Any) -> bool:
    spec = getattr(layer, "input_spec", None)
    return bool(axis == -1 or axis == (getattr(spec, "ndim", None) or 0) - 1)


def _dropout(layer: Any) -> benchbench.Layer:
    require(layer.noise_shape is None, "its noise_shape drops several values together")
    require(layer.rate < 1, "it drops everything")
    return benchbench.Dropout(float(layer.rate))


def _reshape(layer: Any) -> benchbench.Layer:
    require(-1 not in layer.target_shape, "its target_shape holds -1", "write the number")
    return benchbench.Reshape(tuple(layer.target_shape))


def _activation(layer: Any) -> benchbench.Layer:
    name = activation_of(layer.activation)
    require(name is not None, "its function is none of the spec's activations")
    return benchbench.Activation(name)  # type: ignore[arg-type]


def _relu(layer: Any) -> benchbench.Layer:
    require(not layer.threshold, "it has a threshold")
    if layer.negative_slope and layer.max_value is None:
        return _leaky(layer)
    require(not layer.negative_slope, "it has a negative_slope and a max_value")
    require(layer.max_value in {None, 6}, "its max_value is neither none nor 6")
    return benchbench.Activation("relu" if layer.max_value is None else "relu6")


def _leaky(layer: Any) -> benchbench.Layer:
    slope = float(layer.negative_slope)
    reason = f"it has the slope {slope:g}, but a spec's leaky_relu has {benchbench.LEAKY_SLOPE:g}"
    require(abs(slope - benchbench.LEAKY_SLOPE) < 1e-6, reason)
    return benchbench.Activation("leaky_relu")


def _elu(layer: Any) -> benchbench.Layer:
    require(float(layer.alpha) == 1.0, "its alpha is not 1")
    return benchbench.Activation("elu")


def _softmax(layer: Any) -> benchbench.Layer:
    require(layer.axis == -1, "it is over another axis than the last")
    return benchbench.Activation("softmax")


def _embedding(layer: Any) -> benchbench.Layer:
    require(not layer.mask_zero, "it masks the token 0 (mask_zero)", "a spec masks no token")
    return benchbench.Embedding(layer.input_dim, layer.output_dim)


def _recurrent(kind: Any) -> Callable[[Any], benchbench.Layer]:
    def make(layer: Any) -> benchbench.Layer:
        tanh = activation_of(layer.activation) == "tanh"
        sigmoid = activation_of(layer.recurrent_activation) == "sigmoid"
        require(tanh and sigmoid, "its activations are not tanh and sigmoid")
        require(layer.use_bias, "it has no bias")
        require(not (layer.dropout or layer.recurrent_dropout), "it has dropout of its own")
        require(not (layer.go_backwards or layer.stateful), "it goes backwards, or keeps its state")
        require(not layer.return_state, "it returns its state too")
        require(getattr(layer, "reset_after", True), "it has reset_after=False")
        made: benchbench.Layer = kind(layer.units, layer.return_sequences)
        return made

    return make


def _attention(graph: PortGraph, layer: Any, nodes: list[str], args: Any, named: Any) -> str:
    shape = graph.shape(nodes[0])
    features = shape[-1] if shape else layer.num_heads * layer.key_dim
    troubles = {
        "its query, key and value are not one": len(set(nodes)) > 1,
        "it has dropout": bool(layer.dropout),
        "it has no biases": not layer._use_bias,
        "its key_dim is not features / heads": layer.num_heads * layer.key_dim != features,
        "its value_dim is not its key_dim": layer._value_dim not in {None, layer.key_dim},
        "it has an output_shape of its own": layer._output_shape is not None,
        "it takes a mask": any(named.get(one) is not None for one in _MASKS),
        "it attends over other axes": tuple(layer._attention_axes or (1,)) != (1,),
    }
    found = [reason for reason, holds in troubles.items() if holds]
    if found:
        cure = "a spec's MultiHeadAttention is of x to x, with features / heads each"
        return graph.refuse(layer.name, found[0], cure, nodes[0])
    causal = bool(named.get("use_causal_mask"))
    return graph.layer(layer.name, benchbench.MultiHeadAttention(layer.num_heads, causal), nodes[0])


_MASKS = ("attention_mask", "query_mask", "value_mask", "key_mask")


def _sum(graph: PortGraph, layer: Any, nodes: list[str], _args: Any, _named: Any) -> str:
    if len(nodes) < 2:
        return graph.refuse(layer.name, "it adds a constant", "a spec adds branches", nodes[0])
    return graph.join(layer.name, "add", nodes)


def _concatenate(graph: PortGraph, layer: Any, nodes: list[str], _args: Any, _named: Any) -> str:
    shape = graph.shape(nodes[0])
    if layer.axis != -1 and (shape is None or layer.axis != len(shape)):
        cure = "a spec's Concat is along the last axis"
        return graph.refuse(layer.name, f"it is along the axis {layer.axis}", cure, nodes[0])
    return graph.join(layer.name, "concat", nodes)


def _zero_padding(graph: PortGraph, layer: Any, nodes: list[str], _args: Any, _named: Any) -> str:
    rows, columns = layer.padding
    return graph.pad(layer.name, nodes[0], (*rows, *columns))


def _copy(graph: PortGraph, layer: Any, nodes: list[str], _args: Any, _named: Any) -> str:
    return graph.copy(layer.name, nodes[0])


def _function(name: str) -> Read:
    def read(graph: PortGraph, operation: Any, nodes: list[str], _args: Any, _named: Any) -> str:
        slope = float(getattr(operation, "negative_slope", benchbench.LEAKY_SLOPE))
        found = "gelu_tanh" if getattr(operation, "approximate", False) is True else name
        if found == "leaky_relu" and abs(slope - benchbench.LEAKY_SLOPE) > 1e-6:
            return graph.refuse(operation.name, f"it has the slope {slope:g}", "", nodes[0])
        layer = benchbench.Activation(found)  # type: ignore[arg-type]
        return graph.layer(operation.name, layer, nodes[0])

    return read


LAYERS: dict[str, Read] = {
    "Dense": weighted(_dense),
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "ZeroPadding2D": _zero_padding,
    "MaxPooling2D": plain(_pool(benchbench.MaxPool2D)),
    "AveragePooling2D": plain(_pool(benchbench.AvgPool2D)),
    "GlobalAveragePooling2D": plain(_global(benchbench.GlobalAvgPool2D)),
    "GlobalAveragePooling1D": plain(_global(benchbench.GlobalAvgPool1D)),
    "Flatten": plain(lambda _layer: benchbench.Flatten()),
    "Reshape": plain(_reshape),
    "BatchNormalization": plain(_batch_norm),
    "LayerNormalization": plain(_layer_norm),
    "Dropout": plain(_dropout),
    "Activation": plain(_activation),
    "ReLU": plain(_relu),
    "LeakyReLU": plain(_leaky),
    "ELU": plain(_elu),
    "Softmax": plain(_softmax),
    "Embedding": plain(_embedding),
    "LSTM": plain(_recurrent(benchbench.LSTM)),
    "GRU": plain(_recurrent(benchbench.GRU)),
    "MultiHeadAttention": _attention,
    "Add": _sum,
    "Concatenate": _concatenate,
    "Identity": _copy,
}
OPERATIONS: dict[str, Read] = {
    "Add": _sum,
    "Concatenate": _concatenate,
    "Relu": _function("relu"),
    "Relu6": _function("relu6"),
    "LeakyRelu": _function("leaky_relu"),
    "Elu": _function("elu"),
    "Gelu": _function("gelu"),
    "Silu": _function("silu"),
    "Tanh": _function("tanh"),
    "Sigmoid": _function("sigmoid"),
}
