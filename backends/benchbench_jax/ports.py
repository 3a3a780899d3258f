"""A user's Flax NNX module, taken up as it is, with optax and a loss of (outputs, labels)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from benchbench.plugins.port_parts import concatenated, plain, reshaped
from benchbench.plugins.ports import (
    ForwardTrace,
    Piece,
    Port,
    PortBatch,
    PortDescription,
    PortError,
    PortLoss,
    PortNetwork,
    PortOptimizer,
    PortOutputs,
    PortSetting,
    PortTargets,
    VariablePart,
)
from benchbench_jax.port_layers import PLAIN, is_array, is_trained, settings_of
from benchbench_jax.port_network import read_network

_LOSSES: dict[Any, tuple[PortTargets, PortOutputs]] = {
    optax.softmax_cross_entropy_with_integer_labels: ("classes", "logits"),
    optax.softmax_cross_entropy: ("one_hot", "logits"),
    optax.sigmoid_binary_cross_entropy: ("binary", "logits"),
    optax.squared_error: ("values", "values"),
    optax.l2_loss: ("values", "values"),
}


class FlaxPort(Port):
    """A module, or (module, optimizer, loss), the optimizer optax's or an `nnx.Optimizer`."""

    @staticmethod
    @contextmanager
    def working_in(precision: str) -> Iterator[None]:
        before = jax.config.jax_enable_x64  # type: ignore[attr-defined,unused-ignore]
        jax.config.update("jax_enable_x64", precision == "float64")
        jax.config.update("jax_default_matmul_precision", "highest")
        try:
            yield
        finally:
            jax.config.update("jax_enable_x64", before)

    def __init__(self, made: Any, precision: str) -> None:
        module, optimizer, loss = made if isinstance(made, tuple) else (made, None, None)
        if not isinstance(module, nnx.Module):
            raise PortError(f"expected a flax.nnx.Module, got {type(module).__name__}")
        if loss is not None and not callable(loss):
            raise PortError(f"expected a loss of (outputs, labels), got {type(loss).__name__}")
        self.module, self._precision, self._loss = module, precision, loss
        self._steps = int(optimizer.step[...]) if isinstance(optimizer, nnx.Optimizer) else 0
        transform = getattr(optimizer, "tx", optimizer)
        if transform is not None and not hasattr(transform, "update"):
            raise PortError(f"expected an optax optimizer, got {type(optimizer).__name__}")
        self._variables: dict[str, Any] = {}
        self._kept: set[int] = set()
        self.pieces = self._find_pieces()
        for variable in self._variables.values():
            variable.set_value(jnp.asarray(variable.get_value(), precision))
        self._optimizer = None
        if transform is not None:
            self._optimizer = nnx.Optimizer(module, transform, wrt=nnx.Param)

    def describe(self) -> PortDescription:
        loss = None
        if self._loss is not None:
            targets, outputs = _LOSSES.get(self._loss, ("unknown", "unknown"))
            loss = PortLoss(
                name=getattr(self._loss, "__name__", "loss"), targets=targets, outputs=outputs
            )
        optimizer = PortOptimizer(name="optax", steps_done=self._steps)
        return PortDescription(
            framework="flax",
            blocks=self.blocks(),
            loss=loss,
            optimizer=None if self._optimizer is None else optimizer,
        )

    def network(self, shape: tuple[int, ...]) -> PortNetwork:
        return read_network(self.module, shape)

    def read(self, source: str) -> npt.NDArray[Any]:
        return np.array(self._variables[source].get_value())

    def write(self, source: str, value: npt.NDArray[Any]) -> None:
        self._variables[source].set_value(jnp.asarray(value, self._precision))

    def trace(self, inputs: npt.NDArray[Any]) -> ForwardTrace:
        traced = ForwardTrace(np.empty(0))
        names = {id(piece.owner): piece.name for piece in self.pieces}
        kinds = {type(piece.owner) for piece in self.pieces}
        originals = {kind: kind.__call__ for kind in kinds if "__call__" in vars(kind)}
        for kind, original in originals.items():
            kind.__call__ = _recorder(original, names, traced)
        self.module.eval()
        try:
            traced.output = np.array(self._call(inputs, training=False))
        finally:
            for kind, original in originals.items():
                kind.__call__ = original
        return traced

    def loss(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        self.module.eval()
        return float(self._criterion(self._call(inputs, training=False), targets))

    def still(self) -> None:
        rates = [
            (layer, name)
            for _, layer in self._modules()
            for kind, name in ((nnx.Dropout, "rate"), (nnx.MultiHeadAttention, "dropout_rate"))
            if isinstance(layer, kind)
        ]
        self._rates = tuple(float(getattr(layer, name)) for layer, name in rates)
        for layer, name in rates:
            setattr(layer, name, 0.0)

    def dropout_rates(self) -> tuple[float, ...]:
        return tuple(rate for rate in self._rates if rate)

    def gradients(self, batch: PortBatch) -> dict[str, npt.NDArray[Any]]:
        found = {
            ".".join(map(str, path)): np.array(value.get_value())
            for path, value in nnx.to_flat_state(self._gradients(batch))
        }
        return self.joined(lambda name: found.get(name, np.zeros_like(self.read(name))))

    def step(self, batches: Sequence[PortBatch]) -> Iterator[None]:
        assert self._optimizer is not None  # noqa: S101 - the core has asked for it
        for batch in batches:
            self._optimizer.update(self.module, self._gradients(batch))
            yield

    def _gradients(self, batch: PortBatch) -> Any:
        self.module.train()

        def criterion(module: Any) -> Any:
            return self._criterion(self._call(batch[0], training=True, module=module), batch[1])

        return nnx.grad(criterion)(self.module)

    def _call(self, inputs: npt.NDArray[Any], *, training: bool, module: Any = None) -> Any:
        module = self.module if module is None else module
        integer = np.issubdtype(inputs.dtype, np.integer)
        values = jnp.asarray(inputs, jnp.int32 if integer else self._precision)
        accepted = inspect.signature(type(module).__call__).parameters
        modes = {"training": training, "train": training, "deterministic": not training}
        given = {name: value for name, value in modes.items() if name in accepted}
        return module(values, **given)

    def _criterion(self, output: Any, targets: npt.NDArray[Any]) -> Any:
        kind = _LOSSES.get(self._loss, ("unknown", "unknown"))[0]
        labels = jnp.asarray(targets)
        if self._loss is None:
            if not np.issubdtype(targets.dtype, np.integer):
                return ((output - labels.reshape(output.shape)) ** 2).mean()
            return optax.softmax_cross_entropy_with_integer_labels(output, labels).mean()
        if kind == "one_hot":
            labels = jax.nn.one_hot(labels, output.shape[-1], dtype=output.dtype)
        elif kind in {"binary", "values"}:
            labels = labels.reshape(output.shape)
        return jnp.mean(self._loss(output, labels))

    def _modules(self) -> list[tuple[str, Any]]:
        """Return all modules by name, in the order of their registration."""
        found = {".".join(map(str, path)): one for path, one in nnx.iter_modules(self.module)}
        return sorted(found.items(), key=lambda pair: (pair[0].count("."), 0))

    def _find_pieces(self) -> list[Piece]:
        pieces: list[Piece] = []
        inside: tuple[str, ...] = ()
        for name, layer in self._modules():
            if inside and name.startswith(inside):
                continue
            prefix = f"{name}." if name else ""
            kind, found, settings, whole = self._parts(prefix, layer)
            parts = tuple(part for part in found if self._is_new(part))
            if whole:
                inside = (*inside, prefix)
            if parts:
                label = name or type(layer).__name__
                pieces.append(Piece(label, kind, layer, parts, settings))
        return pieces

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
        if isinstance(layer, nnx.OptimizedLSTMCell):
            return "LSTM", self._gates(prefix, layer, ("dense_i",), ("dense_h",)), {}, True
        if isinstance(layer, nnx.LSTMCell):
            inner = ("ii", "if_", "ig", "io"), ("hi", "hf", "hg", "ho")
            return "LSTM", self._gates(prefix, layer, *inner), {}, True
        if isinstance(layer, nnx.MultiHeadAttention):
            settings = {"heads": layer.num_heads}
            return "MultiHeadAttention", self._attention(prefix, layer), settings, True
        parts = [
            plain(name, self._keep(prefix, name, value), fixed=not is_trained(value))
            for name, value in own.items()
        ]
        return type(layer).__name__, parts, {}, False

    def _gates(
        self, prefix: str, cell: Any, inputs: tuple[str, ...], hidden: tuple[str, ...]
    ) -> list[VariablePart]:
        roles = (("kernel", inputs, "kernel"), ("recurrent_kernel", hidden, "kernel"))
        return [
            concatenated(
                role,
                tuple(
                    self._keep(f"{prefix}{name}.", own, getattr(getattr(cell, name), own))
                    for name in names
                ),
            )
            for role, names, own in (*roles, ("bias", hidden, "bias"))
        ]

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
        keys = {id(self._variables[source]) for source in part.sources}
        new = not keys <= self._kept
        self._kept |= keys
        return new

    def _keep(self, prefix: str, name: str, variable: Any) -> str:
        source = f"{prefix}{name}"
        self._variables[source] = variable
        return source


def _recorder(original: Any, names: dict[int, str], traced: ForwardTrace) -> Any:
    def record(self: Any, *arguments: Any, **named: Any) -> Any:
        output = original(self, *arguments, **named)
        name = names.get(id(self))
        first = output[0] if isinstance(output, tuple) else output
        seen = isinstance(arguments[0] if arguments else None, jax.Array)
        if name and name not in traced.inputs and seen and not isinstance(first, jax.core.Tracer):
            traced.inputs[name] = _array(arguments[0])
            traced.outputs[name] = _array(first)
        return output

    return record


def _array(value: Any) -> npt.NDArray[Any]:
    short = value.dtype in {jnp.bfloat16, jnp.float16}
    return np.array(value.astype(jnp.float32) if short else value)
