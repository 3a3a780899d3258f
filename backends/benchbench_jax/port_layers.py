"""The layers of a user's Flax NNX module by Keras's names: kinds, roles, settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchbench.plugins.port_parts import concatenated, gates, plain, reshaped, stacked
from benchbench.plugins.ports import Piece, PortSetting, VariablePart

PLAIN: dict[type, tuple[str, dict[str, str]]] = {
    nnx.Linear: ("Dense", {"kernel": "kernel", "bias": "bias"}),
    nnx.Embed: ("Embedding", {"embeddings": "embedding"}),
    nnx.LayerNorm: ("LayerNormalization", {"gamma": "scale", "beta": "bias"}),
    nnx.BatchNorm: (
        "BatchNormalization",
        {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"},
    ),
    nnx.GroupNorm: ("GroupNormalization", {"gamma": "scale", "beta": "bias"}),
    nnx.InstanceNorm: ("GroupNormalization", {"gamma": "scale", "beta": "bias"}),
    nnx.RMSNorm: ("RMSNormalization", {"scale": "scale"}),
    nnx.Conv: ("Conv", {"kernel": "kernel", "bias": "bias"}),
}
_NORMS: dict[type, dict[str, str]] = {
    nnx.BatchNorm: {"epsilon": "epsilon", "momentum": "momentum"},
    nnx.GroupNorm: {"epsilon": "epsilon", "groups": "num_groups"},
    nnx.InstanceNorm: {"epsilon": "epsilon", "groups": "num_features"},
    nnx.LayerNorm: {"epsilon": "epsilon"},
    nnx.RMSNorm: {"epsilon": "epsilon"},
}
CELLS = (nnx.OptimizedLSTMCell, nnx.LSTMCell, nnx.GRUCell)
# Flax keeps the gates of a GRU as r, z, n; Keras as z, r, h.
_GRU_GATES = (1, 0, 2)


def settings_of(layer: Any) -> dict[str, PortSetting]:
    """Return what changes the function, by Keras's names."""
    if isinstance(layer, tuple(_NORMS)):
        names = next(names for kind, names in _NORMS.items() if isinstance(layer, kind))
        return {name: getattr(layer, own) for name, own in names.items()}
    if isinstance(layer, nnx.RNN):
        made = {"batch_first": not layer.time_major, "go_backwards": layer.reverse}
        return made | settings_of(layer.cell)
    if isinstance(layer, nnx.GRUCell):
        return {"reset_after": True}
    if not isinstance(layer, nnx.Conv):
        return {}
    rank = len(layer.kernel_size)
    padding = layer.padding if isinstance(layer.padding, str) else f"{layer.padding} on both sides"
    return {
        "strides": str(_repeated(layer.strides, rank)),
        "padding": padding.lower(),
        "dilation_rate": str(_repeated(layer.kernel_dilation, rank)),
        "groups": layer.feature_group_count,
    }


def pair_of(value: Any) -> tuple[int, int]:
    """Return a size of two axes, given as one number, as two, or not at all."""
    first, second = _repeated(value, 2)
    return first, second


def _repeated(value: Any, rank: int) -> tuple[int, ...]:
    if value is None:
        return (1,) * rank
    return (value,) * rank if isinstance(value, int) else tuple(value)


def is_array(variable: Any) -> bool:
    """Say whether a variable holds numbers, which a bias that is left out does not."""
    value: Any = variable.get_value() if isinstance(variable, nnx.Variable) else None
    return hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.floating)


def is_trained(variable: Any) -> bool:
    """Say whether optimizers move it; statistics they do not."""
    return isinstance(variable, nnx.Param)


def _frozen(piece: Piece, moved: set[str]) -> Piece:
    """Return a piece whose parts are fixed where none of their arrays is among these."""
    parts = (
        replace(part, fixed=part.fixed or moved.isdisjoint(part.sources)) for part in piece.parts
    )
    return replace(piece, parts=tuple(parts))


class Layers:
    """The pieces of a module, and its Flax variables by the names that the parts give them.

    Parameters that the filter `trained` leaves out are fixed, as statistics are.
    """

    def __init__(self, module: nnx.Module, trained: Any = nnx.Param) -> None:
        self.variables: dict[str, Any] = {}
        self.pieces: list[Piece] = []
        self._kept: set[int] = set()
        both = [one for _, one in modules_of(module) if isinstance(one, nnx.Bidirectional)]
        backwards = {id(one.backward_rnn) for one in both}
        inside: tuple[str, ...] = ()
        for name, layer in modules_of(module):
            if inside and name.startswith(inside):
                continue
            prefix = f"{name}." if name else ""
            kind, found, settings, whole = self._parts(prefix, layer)
            parts = tuple(part for part in found if self._is_new(part))
            if whole:
                inside = (*inside, prefix)
            if id(layer) in backwards:
                # Its outputs are in the order of the steps, so that its last state is the first.
                settings |= {"go_backwards": True, "bidirectional": True}
            if parts:
                label = name or type(layer).__name__
                self.pieces.append(Piece(label, kind, layer, parts, settings))
        if trained is not nnx.Param:
            moved = nnx.to_flat_state(nnx.state(module, trained))
            names = {".".join(map(str, path)) for path, _ in moved}
            self.pieces = [_frozen(piece, names) for piece in self.pieces]

    def _parts(
        self, prefix: str, layer: Any
    ) -> tuple[str, list[VariablePart], dict[str, PortSetting], bool]:
        """Return kind, parts, settings of a layer, and whether its inner layers are in them."""
        own = {k: v for k, v in vars(layer).items() if isinstance(v, nnx.Variable)}
        own = {k: v for k, v in own.items() if is_array(v)}
        for kind, (known, roles) in PLAIN.items():
            if isinstance(layer, kind):
                parts = [
                    plain(
                        role, self._keep(prefix, name, own[name]), fixed=not is_trained(own[name])
                    )
                    for role, name in roles.items()
                    if name in own
                ]
                settings = settings_of(layer)
                rank = len(layer.kernel_size) if isinstance(layer, nnx.Conv) else 0
                return (f"Conv{rank}D" if rank else known), parts, settings, False
        if isinstance(layer, nnx.ConvTranspose) and not layer.transpose_kernel:
            source = self._keep(prefix, "kernel", own["kernel"])
            parts = [_flipped("kernel", source, len(layer.kernel_size))]
            if "bias" in own:
                parts.append(plain("bias", self._keep(prefix, "bias", own["bias"])))
            rank = len(layer.kernel_size)
            settings = {"strides": str(_repeated(layer.strides, rank))}
            return f"Conv{rank}DTranspose", parts, settings, False
        if isinstance(layer, CELLS):
            return *self._gated(prefix, layer), settings_of(layer), True
        if isinstance(layer, nnx.RNN) and isinstance(layer.cell, CELLS):
            return *self._gated(f"{prefix}cell.", layer.cell), settings_of(layer), True
        if isinstance(layer, nnx.MultiHeadAttention) and not layer.normalize_qk:
            settings = {"heads": layer.num_heads}
            return "MultiHeadAttention", self._attention(prefix, layer), settings, True
        parts = [
            plain(
                name,
                self._keep(prefix, name, value),
                fixed=not is_trained(value),
                constant=not is_trained(value),
            )
            for name, value in own.items()
        ]
        return type(layer).__name__, parts, {}, False

    def _gated(self, prefix: str, cell: Any) -> tuple[str, list[VariablePart]]:
        if isinstance(cell, nnx.GRUCell):
            return "GRU", self._gru(prefix, cell)
        inner: tuple[tuple[str, ...], tuple[str, ...]] = ("dense_i",), ("dense_h",)
        if isinstance(cell, nnx.LSTMCell):
            inner = ("ii", "if_", "ig", "io"), ("hi", "hf", "hg", "ho")
        roles = (
            ("kernel", inner[0], "kernel"),
            ("recurrent_kernel", inner[1], "kernel"),
            ("bias", inner[1], "bias"),
        )
        return "LSTM", [
            concatenated(
                role,
                tuple(
                    self._keep(f"{prefix}{name}.", own, getattr(getattr(cell, name), own))
                    for name in names
                ),
            )
            for role, names, own in roles
        ]

    def _gru(self, prefix: str, cell: Any) -> list[VariablePart]:
        """Return the parts of a GRU; its second bias is there where the file gave it one."""

        def part(role: str, name: str, own: str) -> VariablePart:
            dense = getattr(cell, name)
            source = self._keep(f"{prefix}{name}.", own, getattr(dense, own))
            return gates(plain(role, source), _GRU_GATES)

        biases = [
            part("bias", name, "bias")
            for name in ("dense_i", "dense_h")
            if is_array(getattr(cell, name).bias)
        ]
        kernels = [
            part("kernel", "dense_i", "kernel"),
            part("recurrent_kernel", "dense_h", "kernel"),
        ]
        return [*kernels, *([stacked("bias", biases)] if len(biases) == 2 else biases)]

    def _attention(self, prefix: str, layer: Any) -> list[VariablePart]:
        parts = []
        for role in ("query", "key", "value", "out"):
            dense = getattr(layer, role)
            name = "output" if role == "out" else role
            shape = tuple(dense.kernel.get_value().shape)
            rows = shape[0] * shape[1] if role == "out" else shape[0]
            source = self._keep(f"{prefix}{role}.", "kernel", dense.kernel)
            flat = (rows, int(np.prod(shape)) // rows)
            parts.append(reshaped(f"{name}_kernel", source, flat, shape))
            if is_array(dense.bias):
                own = tuple(dense.bias.get_value().shape)
                source = self._keep(f"{prefix}{role}.", "bias", dense.bias)
                parts.append(reshaped(f"{name}_bias", source, (int(np.prod(own)),), own))
        return parts

    def _is_new(self, part: VariablePart) -> bool:
        """Say whether no layer before has the part's variable, as with tied weights."""
        keys = {id(self.variables[source]) for source in part.sources}
        new = not keys <= self._kept
        self._kept |= keys
        return new

    def _keep(self, prefix: str, name: str, variable: Any) -> str:
        source = f"{prefix}{name}"
        self.variables[source] = variable
        return source


def _flipped(role: str, source: str, rank: int) -> VariablePart:
    """Return a transposed convolution's kernel as Keras has it: turned round, (..., out, in)."""

    def turned(value: np.ndarray) -> np.ndarray:
        return np.flip(value, tuple(range(rank))).swapaxes(-1, -2)

    return VariablePart(
        role, (source,), lambda arrays: turned(arrays[0]), lambda value: [turned(value)]
    )


def modules_of(module: nnx.Module) -> list[tuple[str, Any]]:
    """Return all modules by name, in the order of their registration."""
    found = {".".join(map(str, path)): one for path, one in nnx.iter_modules(module)}
    return sorted(found.items(), key=lambda pair: (pair[0].count("."), 0))


def compute_in(module: nnx.Module, precision: str) -> None:
    """Have the layers that keep a type of their own compute in this one."""
    for _, layer in modules_of(module):
        if isinstance(layer, nnx.Embed):
            layer.dtype = jnp.dtype(precision)
        if isinstance(layer, CELLS):
            layer.param_dtype = jnp.dtype(precision)  # that of the first state
