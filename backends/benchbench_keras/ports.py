"""A user's Keras model, taken up as it is: on any engine, by its own `train_on_batch`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from benchbench.plugins.port_parts import not_one_output
from benchbench.plugins.ports import (
    ForwardTrace,
    Piece,
    Port,
    PortBatch,
    PortDescription,
    PortError,
    PortNetwork,
    PortOutputs,
)
from benchbench_keras.port_layers import Layers
from benchbench_keras.port_network import read_network
from benchbench_keras.port_training import as_targets, describe_loss, describe_optimizer

# A step of plain SGD this long leaves nothing of the weights but the gradient: a power of two, so
# that dividing by it is exact.
_LONG_STEP = 2.0**20
_WITH_ACTIVATION = ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose")


class KerasPort(Port):
    """A compiled model, one that is not compiled, or (model, optimizer, loss)."""

    @staticmethod
    @contextmanager
    def working_in(precision: str) -> Iterator[None]:
        before = keras.config.floatx(), keras.config.dtype_policy()
        keras.utils.clear_session(free_memory=False)  # collecting takes longer than many steps
        keras.utils.set_random_seed(0)
        if precision == "float64":
            keras.config.set_floatx(precision)
            keras.config.set_dtype_policy(precision)
        else:  # as the file has set it, which clearing forgets: a mixed policy is its mistake
            keras.config.set_dtype_policy(before[1])
        try:
            yield
        finally:
            keras.config.set_floatx(before[0])
            keras.config.set_dtype_policy(before[1])

    def __init__(self, made: Any, precision: str) -> None:
        model, optimizer, loss = made if isinstance(made, tuple) else (made, None, None)
        if not isinstance(model, keras.Model):
            raise PortError(f"expected a keras.Model, got {type(model).__name__}")
        self._precision = precision
        self.model = model
        self._optimizer = optimizer or (model.optimizer if model.compiled else None)
        self._loss = loss or (model.loss if model.compiled else None)
        if isinstance(self._loss, dict | list | tuple):
            raise PortError("expected a model with one output and one loss, got several losses")
        if optimizer or loss or not model.compiled:
            model.compile(
                optimizer=self._optimizer or keras.optimizers.SGD(0.01),
                loss=self._loss or self._protocol_loss(),
            )
        model.run_eagerly, model.jit_compile = True, False
        self.pieces: list[Piece] = []
        if model.built:
            self._find_layers()

    def build(self, inputs: npt.NDArray[Any]) -> None:
        if not self.model.built or not self.model.variables:
            self.model(self._inputs(inputs))
        self._find_layers()

    def describe(self) -> PortDescription:
        shape = None
        if self.model.built and hasattr(self.model, "inputs"):
            if len(self.model.inputs) != 1:
                raise PortError(f"expected one input, got {len(self.model.inputs)}")
            shape = tuple(self.model.inputs[0].shape[1:])
        return PortDescription(
            framework="keras",
            blocks=self.blocks() if self.model.built else (),
            input_shape=None if shape is None or None in shape else shape,
            loss=None if self._loss is None else describe_loss(self._loss),
            optimizer=None if self._optimizer is None else describe_optimizer(self._optimizer),
            outputs=self._outputs(),
            trained=hasattr(self.model, "history"),
        )

    def network(self, shape: tuple[int, ...]) -> PortNetwork:
        return read_network(self.model, shape)

    def read(self, source: str) -> npt.NDArray[Any]:
        return np.array(keras.ops.convert_to_numpy(self._layers.variables[source]))

    def write(self, source: str, value: npt.NDArray[Any]) -> None:
        self._layers.variables[source].assign(value)

    def trace(self, inputs: npt.NDArray[Any]) -> ForwardTrace:
        traced = ForwardTrace(np.empty(0))
        restore = []
        owners = {id(piece.owner) for piece in self.pieces}
        for piece in self.pieces:
            if piece.owner is not self.model:
                restore.append((piece.owner, "call", piece.owner.call))
                # A layer that holds others is more than its own block.
                inner = {id(one) for one in piece.owner._flatten_layers(include_self=False)}
                ends = not inner & owners
                piece.owner.call = _recorder(piece.name, piece.owner.call, traced, ends=ends)
            if piece.kind in _WITH_ACTIVATION:
                activation = piece.owner.activation
                restore.append((piece.owner, "activation", activation))
                piece.owner.activation = _before(piece.name, activation, traced)
        try:
            output = self.model(self._inputs(inputs), training=False)
        finally:
            for owner, name, value in restore:
                setattr(owner, name, value)
        if isinstance(output, dict | list | tuple) or output is None:
            raise PortError(not_one_output(output))
        traced.output = _array(output)
        return traced

    def loss(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        self.model.reset_metrics()
        found = self.model.test_on_batch(
            self._inputs(inputs), self._targets(inputs, targets), return_dict=True
        )
        return float(found["loss"])

    def still(self) -> None:
        for layer in self.model._flatten_layers():
            inner = (getattr(layer, "cell", None), getattr(layer, "_dropout_layer", None))
            for owner in (layer, *inner):
                # Of a layer that holds others these are properties: theirs are set.
                own = getattr(owner, "__dict__", {})
                for name in {"rate", "dropout", "_dropout", "recurrent_dropout"} & own.keys():
                    if isinstance(own[name], float):
                        setattr(owner, name, 0.0)

    def dropout_rates(self) -> tuple[float, ...]:
        return tuple(rate for rate in self._layers.dropout_rates if rate)

    def gradients(self, batch: PortBatch) -> dict[str, npt.NDArray[Any]]:
        before = {name: self.read(name).astype(np.float64) for name in self._layers.variables}
        own, self.model.optimizer = self.model.optimizer, keras.optimizers.SGD(_LONG_STEP)
        self._train(batch)
        self.model.optimizer = own
        gradients = {}
        for name, variable in self._layers.variables.items():
            if variable.trainable:
                gradients[name] = (before[name] - self.read(name)) / _LONG_STEP
            else:
                gradients[name] = np.zeros_like(before[name])
        for name in gradients:
            if self._layers.variables[name].trainable:
                self.write(name, before[name])
        return self.joined(gradients.__getitem__)

    def step(self, batches: Sequence[PortBatch]) -> Iterator[None]:
        for batch in batches:
            self._train(batch)
            yield

    def _find_layers(self) -> None:
        self._layers = Layers(self.model)
        self.pieces = self._layers.pieces

    def _train(self, batch: PortBatch) -> None:
        self.model.train_on_batch(self._inputs(batch[0]), self._targets(*batch))

    def _targets(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
        kind = describe_loss(self._loss).targets if self._loss is not None else "classes"
        if kind not in {"one_hot", "binary", "values"}:
            return targets
        # A subclass of keras.Model does not say its output's shape.
        shape = tuple(self.model(self._inputs(inputs), training=False).shape)
        return as_targets(targets, kind, shape)

    def _inputs(self, inputs: npt.NDArray[Any]) -> Any:
        if np.issubdtype(inputs.dtype, np.integer):
            return keras.ops.convert_to_tensor(inputs.astype(np.int32))
        return keras.ops.convert_to_tensor(inputs.astype(self._precision))

    def _outputs(self) -> PortOutputs:
        known = describe_loss(self._loss).outputs if self._loss is not None else "unknown"
        if known != "unknown":
            return known
        last = self.model.layers[-1] if self.model.layers else None
        softmax = getattr(last, "activation", None) is keras.activations.softmax
        return "probabilities" if softmax or type(last).__name__ == "Softmax" else "unknown"

    def _protocol_loss(self) -> Any:
        logits = self._outputs() != "probabilities"
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def _recorder(name: str, call: Any, traced: ForwardTrace, *, ends: bool) -> Any:
    def record(*arguments: Any, **named: Any) -> Any:
        output = call(*arguments, **named)
        if name not in traced.called:
            traced.called.append(name)
        values = [*arguments, *named.values()]
        if ends and name not in traced.inputs and values:
            traced.inputs[name] = _array(values[0])
            first = output[0] if isinstance(output, tuple | list) else output
            traced.outputs.setdefault(name, _array(first))
        return output

    return record


def _before(name: str, activation: Any, traced: ForwardTrace) -> Any:
    def record(value: Any) -> Any:
        traced.outputs.setdefault(name, _array(value))
        return activation(value)

    return record if activation is not None else None


def _array(value: Any) -> npt.NDArray[Any]:
    array = np.array(keras.ops.convert_to_numpy(value))
    known = array.dtype.name in {"float32", "float64"} or array.dtype.kind in "iu"
    return array if known else array.astype(np.float32)
