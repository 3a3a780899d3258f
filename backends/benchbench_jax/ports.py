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
from flax import linen, nnx

from benchbench.plugins.port_parts import not_one_output
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
    PortTargets,
)
from benchbench_jax.port_dropout import Dropped, leave_out, noting
from benchbench_jax.port_layers import CELLS, Layers, compute_in, modules_of
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
        if isinstance(module, linen.Module):
            raise PortError(
                f"{type(module).__name__} is a module of flax.linen; expected a flax.nnx.Module: "
                f"return nnx.bridge.lazy_init(nnx.bridge.ToNNX(module, rngs=nnx.Rngs(0)), sample)"
            )
        if not isinstance(module, nnx.Module):
            raise PortError(f"expected a flax.nnx.Module, got {type(module).__name__}")
        if loss is not None and not callable(loss):
            raise PortError(f"expected a loss of (outputs, labels), got {type(loss).__name__}")
        self.module, self._precision, self._loss = module, precision, loss
        self._one_hot, self._rngs = False, nnx.Rngs(0)
        self._dropped: Dropped = []
        self._steps = int(optimizer.step[...]) if isinstance(optimizer, nnx.Optimizer) else 0
        transform = getattr(optimizer, "tx", optimizer)
        if transform is not None and not hasattr(transform, "update"):
            raise PortError(f"expected an optax optimizer, got {type(optimizer).__name__}")
        # What the file has its optimizer train: a filter of NNX, all parameters by default.
        self._trained = getattr(optimizer, "wrt", nnx.Param)
        layers = Layers(module, self._trained)
        self._variables, self.pieces = layers.variables, layers.pieces
        for variable in self._variables.values():
            variable.set_value(jnp.asarray(variable.get_value(), precision))
        compute_in(module, precision)
        self._optimizer = None
        if transform is not None:
            self._optimizer = nnx.Optimizer(module, transform, wrt=self._trained)

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
        pieces = {id(piece.owner): piece for piece in self.pieces}
        holders = {
            id(piece.owner)
            for piece in self.pieces
            if any(id(one) in pieces for name, one in modules_of(piece.owner) if name)
        }
        kinds = {type(piece.owner) for piece in self.pieces}
        originals = {kind: kind.__call__ for kind in kinds if "__call__" in vars(kind)}
        for kind, original in originals.items():
            kind.__call__ = _recorder(original, pieces, holders, traced)
        self.module.eval()
        try:
            traced.output = _array(self._call(inputs, training=False))
        finally:
            for kind, original in originals.items():
                kind.__call__ = original
        return traced

    def loss(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        self.module.eval()
        return float(self._criterion(self._call(inputs, training=False), targets))

    def still(self) -> None:
        self._dropped = leave_out(self.module)

    def dropout_rates(self) -> tuple[float, ...]:
        return tuple(rate for rate, _ in self._dropped if rate)

    def dropout_kinds(self) -> tuple[str, ...]:
        return tuple(kind for rate, kind in self._dropped if rate)

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

        with noting(self._dropped):
            return nnx.grad(criterion, argnums=nnx.DiffState(0, self._trained))(self.module)

    def _call(self, inputs: npt.NDArray[Any], *, training: bool, module: Any = None) -> Any:
        module = self.module if module is None else module
        integer = np.issubdtype(inputs.dtype, np.integer)
        values = jnp.asarray(inputs, jnp.int32 if integer else self._precision)
        accepted = inspect.signature(type(module).__call__).parameters
        modes: dict[str, Any] = {"training": training, "train": training}
        modes |= {"is_training": training, "deterministic": not training}
        if "rngs" in accepted and accepted["rngs"].default in {None, inspect.Parameter.empty}:
            modes["rngs"] = self._rngs
        given = {name: value for name, value in modes.items() if name in accepted}
        output = module(values, **given)
        if isinstance(output, dict | list | tuple) or output is None:
            raise PortError(not_one_output(output))
        return output

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
        elif np.issubdtype(targets.dtype, np.integer):
            return self._own_loss(output, labels)
        return jnp.mean(self._loss(output, labels))

    def _own_loss(self, output: Any, labels: Any) -> Any:
        """Return a loss of the file's own: it takes classes by number, or else one-hot."""
        if not self._one_hot:
            try:
                return jnp.mean(self._loss(output, labels))
            except (TypeError, ValueError):
                if output.shape[:-1] != labels.shape:
                    raise
                self._one_hot = True
        labels = jax.nn.one_hot(labels, output.shape[-1], dtype=output.dtype)
        return jnp.mean(self._loss(output, labels))


def _recorder(
    original: Any, pieces: dict[int, Piece], holders: set[int], traced: ForwardTrace
) -> Any:
    def record(self: Any, *arguments: Any, **named: Any) -> Any:
        output = original(self, *arguments, **named)
        piece = pieces.get(id(self))
        if piece is None or piece.name in traced.called:
            return output
        traced.called.append(piece.name)
        value = next(iter((*arguments, *named.values())), None)
        answer = output
        if isinstance(output, tuple):  # an RNN may give its last state first
            answer = output[-1] if isinstance(self, nnx.RNN) else output[0]
        # A cell is called at every step; a layer that holds others is more than its own block.
        one = id(self) not in holders and not isinstance(self, CELLS)
        one = one and not piece.settings.get("bidirectional")
        if one and _is_known(value) and _is_known(answer):
            traced.inputs[piece.name] = _canonical(value, piece)
            traced.outputs[piece.name] = _canonical(answer, piece)
        return output

    return record


def _is_known(value: Any) -> bool:
    return isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer)


def _canonical(value: Any, piece: Piece) -> npt.NDArray[Any]:
    """Return an array, sequences with the batch first."""
    array = _array(value)
    first = piece.settings.get("batch_first", True) or array.ndim != 3
    return array if first else np.moveaxis(array, 1, 0)


def _array(value: Any) -> npt.NDArray[Any]:
    short = value.dtype.name in {"bfloat16", "float16"}
    return np.array(value.astype(jnp.float32) if short else value)
