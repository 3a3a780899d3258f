"""Modules of torch.nn as layers of the spec, or why they are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

import benchbench
from benchbench.plugins.port_graph import PortGraph
from benchbench_torch import port_windows as windows

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_SLOPE = f"a spec's leaky_relu has the slope {benchbench.LEAKY_SLOPE:g}"


def is_plain(module: nn.Module) -> bool:
    """Say whether a module is torch's own and holds no others in a row."""
    return type(module).__module__.startswith("torch.nn.") and not isinstance(module, _CONTAINERS)


def _linear(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    _must_be_trained(trace.graph, label, module)
    layer = benchbench.Dense(module.out_features, use_bias=module.bias is not None)
    return str(trace.graph.layer(label, layer, node))


def _convolution(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    _must_be_trained(trace.graph, label, module)
    return windows.convolution(trace.graph, label, module, node)


def _max_pool(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return windows.max_pool(
        trace.graph,
        label,
        node,
        size=module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        ceil_mode=module.ceil_mode,
    )


def _average_pool(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return windows.average_pool(
        trace.graph,
        label,
        node,
        size=module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        ceil_mode=module.ceil_mode,
        counts_padding=module.count_include_pad,
        divisor=module.divisor_override,
    )


def _adaptive_pool(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return windows.adaptive_average_pool(trace.graph, label, node, module.output_size)


def _zero_pad(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return windows.zero_pad(trace.graph, label, node, module.padding)


def _batch_norm(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    graph = trace.graph
    _must_be_trained(graph, label, module)
    if not module.affine:
        return str(graph.refuse(label, "it has no scale and shift (affine=False)", "", node))
    if not module.track_running_stats or module.momentum is None:
        reason = "it keeps no running statistics, or their plain mean (momentum=None)"
        return str(graph.refuse(label, reason, "give it a momentum, such as 0.01", node))
    if len(graph.shape(node) or ()) == 2:
        reason = "it takes the second of the axes for the channels, of a sequence the steps"
        return str(graph.refuse(label, reason, "a spec's channels are the last axis", node))
    layer = benchbench.BatchNorm(round(1 - module.momentum, 12), module.eps)
    return str(graph.layer(label, layer, node))


def _layer_norm(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    graph = trace.graph
    _must_be_trained(graph, label, module)
    shape = graph.shape(node)
    if len(module.normalized_shape) != 1 or (shape is not None and len(shape) > 2):
        reason = f"it normalises an image, or the axes {tuple(module.normalized_shape)}"
        return str(graph.refuse(label, reason, "a spec's LayerNorm is over the last axis", node))
    if module.weight is None or module.bias is None:
        return str(graph.refuse(label, "it has no scale or no shift", "", node))
    return str(graph.layer(label, benchbench.LayerNorm(module.eps), node))


def _dropout(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return dropout(trace.graph, label, module.p, node)


def dropout(graph: PortGraph, label: str, rate: float, node: str) -> str:
    """Add dropout of single values."""
    if rate >= 1:
        return graph.refuse(label, "it drops everything (p=1)", "", node)
    return graph.layer(label, benchbench.Dropout(float(rate)), node)


def activation(graph: PortGraph, label: str, name: str, node: str, reason: str = "") -> str:
    """Add an activation; of one that has a `reason` to be another function, that is noted."""
    if reason:
        return graph.refuse(label, reason, "", node)
    return graph.layer(label, benchbench.Activation(name), node)  # type: ignore[arg-type]


def _activation(name: str, why_not: Callable[[Any], str] = lambda _module: "") -> Any:
    def read(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
        return activation(trace.graph, label, name, node, why_not(module))

    return read


def leaky(slope: float) -> str:
    """Return why a leaky ReLU of this slope is not the spec's, empty where it is."""
    same = abs(slope - benchbench.LEAKY_SLOPE) < 1e-9
    return "" if same else f"it has the slope {slope:g}, but {_SLOPE}"


def _gelu(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    name = "gelu_tanh" if module.approximate == "tanh" else "gelu"
    return activation(trace.graph, label, name, node)


def _softmax(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return softmax(trace.graph, label, module.dim, node)


def softmax(graph: PortGraph, label: str, dim: int | None, node: str) -> str:
    """Add a softmax over the last axis."""
    return activation(graph, label, "softmax", node, _not_last(graph, dim, node))


def _log_softmax(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return log_softmax(trace.graph, label, module.dim, node)


def log_softmax(graph: PortGraph, label: str, dim: int | None, node: str) -> str:
    """Add a log-softmax over the last axis."""
    if reason := _not_last(graph, dim, node):
        return graph.refuse(label, reason, "", node)
    return graph.log_softmax(label, node)


def _not_last(graph: PortGraph, dim: int | None, node: str) -> str:
    shape = graph.shape(node)
    if dim in {-1, None} or shape is None or (dim == len(shape) and len(shape) < 3):
        return ""
    return f"it is over the axis {dim}, not the last"


def _flatten(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return flatten(trace.graph, label, node, module.start_dim, module.end_dim)


def flatten(graph: PortGraph, label: str, node: str, start: int, end: int) -> str:
    """Add a Flatten of all but the batch."""
    shape = graph.shape(node)
    rank = None if shape is None else len(shape)
    if start != 1 or end not in {-1, rank}:
        reason = f"it flattens the axes {start} to {end}, not all but the batch"
        return graph.refuse(label, reason, "", node)
    return graph.layer(label, benchbench.Flatten(), node)


def _identity(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    return str(trace.graph.copy(label, node))


def _embedding(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    _must_be_trained(trace.graph, label, module)
    if module.padding_idx is not None or module.max_norm is not None or module.scale_grad_by_freq:
        reason = "it has a padding_idx, max_norm or scale_grad_by_freq"
        return str(trace.graph.refuse(label, reason, "a spec's Embedding trains every row", node))
    layer = benchbench.Embedding(module.num_embeddings, module.embedding_dim)
    return str(trace.graph.layer(label, layer, node))


def _gru(
    trace: Any, label: str, module: Any, node: str, _arguments: Any, _named: Any, output: Any
) -> str:
    graph = trace.graph
    _must_be_trained(graph, label, module)
    reason = _unlike(module)
    if reason or not module.batch_first:
        reason = reason or "it takes (time, batch, features): batch_first is False"
        return str(graph.refuse(label, reason, "use a GRU of one layer, batch_first=True", node))
    last = benchbench.GRU(module.hidden_size)
    made = str(graph.layer(label, benchbench.GRU(module.hidden_size, return_sequences=True), node))
    trace.last_steps[made] = (node, last)
    trace.states[id(output[1])] = made
    trace.alive.append(output[1])
    return made


def _unlike(module: Any) -> str:
    if module.num_layers > 1 or module.bidirectional:
        return "it has several layers or both directions in one module"
    return "" if module.bias else "it has no biases"


def _lstm(trace: Any, label: str, module: Any, node: str, *_: Any) -> str:
    reason = (
        "torch's LSTM adds two biases and trains both, so that their sum moves twice as far; a "
        "spec's LSTM has one"
    )
    cure = (
        "add the LSTM to the spec's file by hand; certify the port with bias_hh_l0 frozen at zero"
    )
    return str(trace.graph.refuse(label, reason, cure, node))


def _attention(  # noqa: PLR0917 - as all of them
    trace: Any, label: str, module: Any, node: str, arguments: Any, named: Any, output: Any
) -> str:
    graph = trace.graph
    _must_be_trained(graph, label, module)
    given = {trace.node(one) for one in (*arguments[:3], *(named.get(k) for k in ("key", "value")))}
    causal = named.get("attn_mask") is not None or bool(named.get("is_causal"))
    reasons = {
        "its query, key and value are not one": given - {None, node},
        "it has dropout": module.dropout > 0,
        "it takes (time, batch, features)": not module.batch_first,
        "it has no biases": module.in_proj_bias is None or module.out_proj.bias is None,
        "it adds keys, or takes keys of another size": (
            module.bias_k is not None or module.add_zero_attn or not module._qkv_same_embed_dim
        ),
        "it has a mask, of which only the numbers tell whether it is the causal one": causal,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        cure = "a spec's MultiHeadAttention is of x to x; write causal = true into the file by hand"
        return str(graph.refuse(label, found[0], cure, node))
    return str(graph.layer(label, benchbench.MultiHeadAttention(module.num_heads), node))


def _must_be_trained(graph: PortGraph, label: str, module: nn.Module) -> None:
    if any(not one.requires_grad for one in module.parameters()):
        graph.note(label, "it is frozen (requires_grad=False)", "a spec trains every layer")


MODULES: dict[type, Callable[..., str]] = {
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
    nn.AdaptiveAvgPool2d: _adaptive_pool,
    nn.ZeroPad2d: _zero_pad,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.Dropout: _dropout,
    nn.Flatten: _flatten,
    nn.Identity: _identity,
    nn.ReLU: _activation("relu"),
    nn.ReLU6: _activation("relu6"),
    nn.LeakyReLU: _activation("leaky_relu", lambda module: leaky(module.negative_slope)),
    nn.ELU: _activation("elu", lambda module: "" if module.alpha == 1 else "its alpha is not 1"),
    nn.GELU: _gelu,
    nn.SiLU: _activation("silu"),
    nn.Tanh: _activation("tanh"),
    nn.Sigmoid: _activation("sigmoid"),
    nn.Softmax: _softmax,
    nn.LogSoftmax: _log_softmax,
    nn.Embedding: _embedding,
    nn.GRU: _gru,
    nn.LSTM: _lstm,
    nn.MultiheadAttention: _attention,
}
