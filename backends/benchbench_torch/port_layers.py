"""The layers of a user's torch module as blocks of a port: variables in canonical layout, settings.

Canonical is Keras's: kernels (in, out) and (height, width, in, out), gates i, f, c, o and z, r, h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from benchbench.plugins.port_parts import (
    gates,
    plain,
    stacked,
    summed,
    transposed,
)
from benchbench.plugins.ports import Piece, PortSetting, VariablePart

_CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
_TRANSPOSED = {nn.ConvTranspose1d: 1, nn.ConvTranspose2d: 2, nn.ConvTranspose3d: 3}
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_LSTM, _GRU, _RNN = (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell), (nn.RNN, nn.RNNCell)
# torch keeps the gates of a GRU as r, z, n; Keras as z, r, h.
_GRU_GATES = (1, 0, 2)


def find_pieces(module: nn.Module, arrays: Mapping[str, torch.Tensor]) -> list[Piece]:
    """Return the layers that hold variables, in the order of their registration.

    `arrays` are the module's parameters and buffers by name. One that several layers share, a tied
    weight, is a variable of the first.
    """
    pieces: list[Piece] = []
    inside: tuple[str, ...] = ()
    seen: set[tuple[int, str]] = set()
    for name, layer in module.named_modules():
        if inside and name.startswith(inside):
            continue
        for piece in _pieces(name, layer):
            parts = tuple(_present(piece.parts, arrays, seen))
            if parts:
                pieces.append(replace(piece, parts=parts))
        if isinstance(layer, nn.MultiheadAttention):
            inside = (*inside, f"{name}.")
    return pieces


def _pieces(name: str, layer: nn.Module) -> Iterator[Piece]:
    prefix = f"{name}." if name else ""
    label = name or type(layer).__name__
    if isinstance(layer, (*_LSTM, *_GRU, *_RNN)):
        yield from _recurrent(label, prefix, layer)
        return
    for kind, build in _KINDS:
        if isinstance(layer, kind):
            keras_kind, parts, settings = build(layer, prefix)
            yield Piece(label, keras_kind, layer, tuple(parts), settings)
            return
    own = {**layer._parameters, **layer._buffers}
    unknown = [
        plain(key, f"{prefix}{key}", constant=key in layer._buffers)
        for key, value in own.items()
        if value is not None
        and value.is_floating_point()
        and key not in layer._non_persistent_buffers_set
    ]
    yield Piece(label, type(layer).__name__, layer, tuple(unknown))


def _present(
    parts: Sequence[VariablePart],
    arrays: Mapping[str, torch.Tensor],
    seen: set[tuple[int, str]],
) -> Iterator[VariablePart]:
    """Yield the parts that are there and not `seen`; those that are not trained are fixed."""
    for part in parts:
        places = [source.partition("#") for source in part.sources]
        if not all(name in arrays for name, _, _ in places):
            continue
        keys = {(id(arrays[name]), place) for name, _, place in places}
        if not keys <= seen:
            fixed = not any(arrays[name].requires_grad for name, _, _ in places)
            yield replace(part, fixed=fixed)
        seen |= keys


def _dense(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    parts = [transposed("kernel", f"{prefix}weight", (1, 0)), plain("bias", f"{prefix}bias")]
    return "Dense", parts, {}


def _convolution(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    rank = next(rank for kind, rank in _CONVOLUTIONS.items() if isinstance(layer, kind))
    axes = (*range(2, 2 + rank), 1, 0)
    parts = [transposed("kernel", f"{prefix}weight", axes), plain("bias", f"{prefix}bias")]
    return (
        f"Conv{rank}D",
        parts,
        {
            "strides": str(layer.stride),
            "padding": _padding(layer),
            "dilation_rate": str(layer.dilation),
            "groups": layer.groups,
        },
    )


def _padding(layer: Any) -> str:
    """Return "valid", "same" where it pads as Keras does, else the numbers."""
    if isinstance(layer.padding, str):
        return str(layer.padding)
    if not any(layer.padding):
        return "valid"
    extents = zip(layer.kernel_size, layer.dilation, layer.padding, layer.stride, strict=True)
    as_keras = all(s == 1 and 2 * p == d * (k - 1) for k, d, p, s in extents)
    same = as_keras and layer.padding_mode == "zeros"
    return "same" if same else f"{layer.padding} on both sides"


def _transposed_convolution(
    layer: Any, prefix: str
) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    rank = next(rank for kind, rank in _TRANSPOSED.items() if isinstance(layer, kind))
    axes = (*range(2, 2 + rank), 1, 0)
    parts = [transposed("kernel", f"{prefix}weight", axes), plain("bias", f"{prefix}bias")]
    cut = zip(layer.padding, layer.output_padding, strict=True)
    settings: dict[str, PortSetting] = {
        "strides": str(layer.stride),
        "cropping": str(tuple((before, before - more) for before, more in cut)),
    }
    return f"Conv{rank}DTranspose", parts, settings


def _batch_norm(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    parts = [
        plain("gamma", f"{prefix}weight"),
        plain("beta", f"{prefix}bias"),
        plain("moving_mean", f"{prefix}running_mean"),
        plain("moving_variance", f"{prefix}running_var"),
    ]
    momentum = "cumulative" if layer.momentum is None else round(1 - layer.momentum, 9)
    return "BatchNormalization", parts, {"epsilon": layer.eps, "momentum": momentum}


def _layer_norm(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    parts = [plain("gamma", f"{prefix}weight"), plain("beta", f"{prefix}bias")]
    return "LayerNormalization", parts, {"epsilon": layer.eps}


def _group_norm(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    parts = [plain("gamma", f"{prefix}weight"), plain("beta", f"{prefix}bias")]
    return "GroupNormalization", parts, {"epsilon": layer.eps, "groups": layer.num_groups}


def _instance_norm(
    layer: Any, prefix: str
) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    parts = [
        plain("gamma", f"{prefix}weight"),
        plain("beta", f"{prefix}bias"),
        plain("moving_mean", f"{prefix}running_mean"),
        plain("moving_variance", f"{prefix}running_var"),
    ]
    return "GroupNormalization", parts, {"epsilon": layer.eps, "groups": layer.num_features}


def _rms_norm(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    epsilon = torch.finfo(torch.float32).eps if layer.eps is None else layer.eps
    return "RMSNormalization", [plain("scale", f"{prefix}weight")], {"epsilon": epsilon}


def _embedding(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    settings: dict[str, PortSetting] = {}
    if layer.padding_idx is not None:
        settings["padding_idx"] = layer.padding_idx
    if layer.max_norm is not None:
        settings["max_norm"] = layer.max_norm
    return "Embedding", [plain("embeddings", f"{prefix}weight")], settings


def _attention(layer: Any, prefix: str) -> tuple[str, list[VariablePart], dict[str, PortSetting]]:
    parts: list[VariablePart] = []
    for place, role in enumerate(("query", "key", "value")):
        # Where keys or values have other features than queries, each has a tensor of its own.
        own = f"{role[0]}_proj_weight"
        packed = f"in_proj_weight#{place}" if layer.in_proj_weight is not None else own
        parts.append(transposed(f"{role}_kernel", f"{prefix}{packed}", (1, 0)))
        parts.append(plain(f"{role}_bias", f"{prefix}in_proj_bias#{place}"))
    parts.append(transposed("output_kernel", f"{prefix}out_proj.weight", (1, 0)))
    parts.append(plain("output_bias", f"{prefix}out_proj.bias"))
    parts += [plain(f"{role}_row", f"{prefix}bias_{role[0]}") for role in ("key", "value")]
    settings: dict[str, PortSetting] = {"heads": layer.num_heads, "batch_first": layer.batch_first}
    return "MultiHeadAttention", parts, settings


def _recurrent(name: str, prefix: str, layer: Any) -> Iterator[Piece]:
    """Yield a piece for a cell, and for each layer and direction of a stack."""
    if isinstance(layer, nn.RNNCellBase):
        yield _gated(name, prefix, "", layer)
        return
    directions = ("", "_reverse") if layer.bidirectional else ("",)
    for number in range(layer.num_layers):
        for direction in directions:
            tail = f"l{number}{direction}"
            label = name if layer.num_layers == len(directions) == 1 else f"{name}.{tail}"
            piece = _gated(label, prefix, f"_{tail}", layer)
            piece.settings["batch_first"] = layer.batch_first
            piece.settings["go_backwards"] = bool(direction)
            yield piece


def _gated(label: str, prefix: str, tail: str, layer: Any) -> Piece:
    """Return the piece of the arrays whose names end so."""
    biases = (f"{prefix}bias_ih{tail}", f"{prefix}bias_hh{tail}")
    parts = [
        transposed("kernel", f"{prefix}weight_ih{tail}", (1, 0)),
        transposed("recurrent_kernel", f"{prefix}weight_hh{tail}", (1, 0)),
    ]
    if isinstance(layer, _RNN):
        whole = (*parts, summed("bias", biases))
        return Piece(label, "SimpleRNN", layer, whole, {"activation": layer.nonlinearity})
    if isinstance(layer, _LSTM):
        projection = transposed("projection", f"{prefix}weight_hr{tail}", (1, 0))
        return Piece(label, "LSTM", layer, (*parts, summed("bias", biases), projection))
    rows = [gates(plain("bias", source), _GRU_GATES) for source in biases]
    arranged = (*(gates(part, _GRU_GATES) for part in parts), stacked("bias", rows))
    return Piece(label, "GRU", layer, arranged, {"reset_after": True})


_KINDS: tuple[
    tuple[Any, Callable[[Any, str], tuple[str, list[VariablePart], dict[str, PortSetting]]]], ...
] = (
    (nn.Linear, _dense),
    (tuple(_CONVOLUTIONS), _convolution),
    (tuple(_TRANSPOSED), _transposed_convolution),
    (_BATCH_NORMS, _batch_norm),
    (nn.LayerNorm, _layer_norm),
    (nn.GroupNorm, _group_norm),
    (_INSTANCE_NORMS, _instance_norm),
    (nn.RMSNorm, _rms_norm),
    (nn.Embedding, _embedding),
    (nn.MultiheadAttention, _attention),
)
