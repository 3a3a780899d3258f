"""The layers of a user's Keras model as blocks of a port: Keras's layout is the canonical one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras

from benchbench.plugins.port_parts import plain, reshaped
from benchbench.plugins.ports import Piece, PortSetting, VariablePart

_ROLES = {
    "Dense": ("kernel", "bias"),
    "Conv1D": ("kernel", "bias"),
    "Conv2D": ("kernel", "bias"),
    "Conv3D": ("kernel", "bias"),
    "Conv1DTranspose": ("kernel", "bias"),
    "Conv2DTranspose": ("kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "LayerNormalization": ("gamma", "beta"),
    "GroupNormalization": ("gamma", "beta"),
    "RMSNormalization": ("scale",),
    "Embedding": ("embeddings",),
}
_SETTINGS = {
    "BatchNormalization": ("epsilon", "momentum"),
    "LayerNormalization": ("epsilon",),
    "GroupNormalization": ("epsilon", "groups"),
    "RMSNormalization": ("epsilon",),
    "Conv1D": ("strides", "padding", "dilation_rate", "groups"),
    "Conv2D": ("strides", "padding", "dilation_rate", "groups"),
    "Conv3D": ("strides", "padding", "dilation_rate", "groups"),
    "Conv1DTranspose": ("strides",),
    "Conv2DTranspose": ("strides",),
}
_DROPS = {
    "Dropout": "",
    "AlphaDropout": "alpha",
    "GaussianDropout": "Gaussian noise",
    "SpatialDropout1D": "channels",
    "SpatialDropout2D": "channels",
    "SpatialDropout3D": "channels",
}
# The attributes that have the rates of dropout inside of a layer.
_DROPOUT = {
    "MultiHeadAttention": ("_dropout",),
    "LSTM": ("dropout", "recurrent_dropout"),
    "GRU": ("dropout", "recurrent_dropout"),
    "SimpleRNN": ("dropout", "recurrent_dropout"),
}
_RECURRENT = {"LSTM", "GRU", "SimpleRNN"}


class Layers:
    """The pieces of a model, and its Keras variables by the names that the parts give them."""

    def __init__(self, model: Any) -> None:
        self.variables: dict[str, Any] = {}
        self.pieces: list[Piece] = []
        # Of layers that drop inside; the others say it when they are called.
        self.dropout_rates: list[float] = []
        self.dropouts: list[Any] = []
        self._names: set[str] = set()
        self._seen: set[int] = set()
        self._kept: set[int] = set()
        self._visit(model, "")

    def _visit(self, layer: Any, prefix: str) -> None:
        if id(layer) in self._seen:
            return
        self._seen.add(id(layer))
        name = self._unique(f"{prefix}{layer.name}") if prefix is not None else layer.name
        kind = type(layer).__name__
        self.dropout_rates += [getattr(layer, rate) for rate in _DROPOUT.get(kind, ())]
        if _drops(layer):
            self.dropouts.append(layer)
        parts = tuple(part for part in self._parts(name, layer, kind) if self._is_new(part))
        if parts:
            known = "Conv2D" if kind == "DepthwiseConv2D" else kind
            self.pieces.append(Piece(name, known, layer, parts, _settings(layer, kind)))
        if kind in {"MultiHeadAttention", *_RECURRENT}:
            return
        root = isinstance(layer, keras.Model)
        below = "" if root and not prefix else f"{name}/"
        for inner in layer._layers:
            self._visit(inner, below)

    def _parts(self, name: str, layer: Any, kind: str) -> Iterator[VariablePart]:
        if kind == "MultiHeadAttention":
            yield from self._attention(name, layer)
        elif kind in _RECURRENT:
            for role in ("kernel", "recurrent_kernel", "bias"):
                yield from self._plain(name, role, getattr(layer.cell, role, None))
        elif kind == "DepthwiseConv2D":
            height, width, channels, multiplier = layer.kernel.shape
            flat = (height, width, 1, channels * multiplier)
            source = self._keep(name, "kernel", layer.kernel)
            yield reshaped("kernel", source, flat, tuple(layer.kernel.shape))
            yield from self._plain(name, "bias", layer.bias)
        elif kind == "SeparableConv2D":
            shape = tuple(layer.depthwise_kernel.shape)
            source = self._keep(name, "depthwise_kernel", layer.depthwise_kernel)
            flat = (*shape[:2], 1, shape[2] * shape[3])
            yield reshaped("depthwise_kernel", source, flat, shape)
            yield from self._plain(name, "pointwise_kernel", layer.pointwise_kernel)
            yield from self._plain(name, "bias", layer.bias)
        elif kind in _ROLES:
            for role in _ROLES[kind]:
                yield from self._plain(name, role, getattr(layer, role, None))
        else:
            for variable in layer._trainable_variables:
                yield from self._plain(name, variable.name, variable)
            for variable in layer._non_trainable_variables:
                yield from self._plain(name, variable.name, variable, constant=True)

    def _attention(self, name: str, layer: Any) -> Iterator[VariablePart]:
        for role in ("query", "key", "value", "output"):
            dense = getattr(layer, f"_{role}_dense")
            shape = tuple(dense.kernel.shape)
            rows = math.prod(shape[:-1]) if role == "output" else shape[0]
            source = self._keep(name, f"{role}_kernel", dense.kernel)
            flat = (rows, math.prod(shape) // rows)
            yield reshaped(f"{role}_kernel", source, flat, shape)
            if dense.bias is not None:
                own = tuple(dense.bias.shape)
                source = self._keep(name, f"{role}_bias", dense.bias)
                yield reshaped(f"{role}_bias", source, (math.prod(own),), own)

    def _plain(
        self, name: str, role: str, variable: Any, *, constant: bool = False
    ) -> Iterator[VariablePart]:
        if variable is not None:
            source = self._keep(name, role, variable)
            yield plain(role, source, fixed=not variable.trainable, constant=constant)

    def _is_new(self, part: VariablePart) -> bool:
        """Say whether no layer before has the part's variable, as with tied weights."""
        keys = {id(self.variables[source]) for source in part.sources}
        new = not keys <= self._kept
        self._kept |= keys
        return new

    def _keep(self, name: str, role: str, variable: Any) -> str:
        source = f"{name}.{role}"
        self.variables[source] = variable
        return source

    def _unique(self, name: str) -> str:
        number, found = 1, name
        while found in self._names:
            number += 1
            found = f"{name}({number})"
        self._names.add(found)
        return found


def _drops(layer: Any) -> bool:
    """Say whether a layer is one of dropout."""
    return any(kind.__name__ in _DROPS for kind in type(layer).__mro__)


def what_it_drops(layer: Any) -> str:
    """Return what a layer drops beside single values, as ports call it."""
    kinds = (kind.__name__ for kind in type(layer).__mro__)
    together = getattr(layer, "noise_shape", None) is not None
    return "channels" if together else next(_DROPS[kind] for kind in kinds if kind in _DROPS)


def _cropping(layer: Any) -> str:
    """Return what a transposed convolution cuts off its output, before and behind."""
    cut = []
    for size, stride in zip(layer.kernel_size, layer.strides, strict=True):
        total = stride + size - 2
        before = min(total // 2 + total % 2, size - 1)
        same = (size - 1 - before, size - 1 - (total - before))
        cut.append(same if layer.padding == "same" else (0, min(size - stride, 0)))
    return str(tuple(cut))


def _settings(layer: Any, kind: str) -> dict[str, PortSetting]:
    settings = {name: _setting(getattr(layer, name)) for name in _SETTINGS.get(kind, ())}
    usual = getattr(layer, "output_padding", None) is None
    if kind.endswith("Transpose") and usual and set(layer.dilation_rate) == {1}:
        settings["cropping"] = _cropping(layer)
    if kind == "MultiHeadAttention":
        settings["heads"] = layer.num_heads
    if kind == "DepthwiseConv2D":
        settings = {name: _setting(getattr(layer, name)) for name in _SETTINGS["Conv2D"][:3]}
        settings["groups"] = int(layer.kernel.shape[2])
    if kind == "Embedding":
        settings["mask_zero"] = layer.mask_zero
    if kind in _RECURRENT:
        settings["go_backwards"] = layer.go_backwards
    if kind == "SimpleRNN":
        settings["activation"] = layer.activation.__name__
    if kind == "GRU":
        settings["reset_after"] = layer.reset_after
    return settings


def _setting(value: Any) -> PortSetting:
    if isinstance(value, str | int | bool):
        return value
    return value if isinstance(value, float) else str(value)
