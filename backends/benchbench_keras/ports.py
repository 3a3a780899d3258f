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
from benchbench_keras.port_checks import checked
from benchbench_keras.port_layers import Layers, what_it_drops
from benchbench_keras.port_network import read_network
from benchbench_keras.port_traces import array, watched
from benchbench_keras.port_training import as_targets, describe_loss, describe_optimizer, step_of

# A step of plain SGD this long leaves nothing of the weights but the gradient: a power of two, so
# that dividing by it is exact.
_LONG_STEP = 2.0**20


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
        given = isinstance(made, tuple) and made[1:] != (None, None)
        model, self._optimizer, self._loss = checked(made)
        self._precision, self._one_hot = precision, False
        self.model = model
        if given or not model.compiled:
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
                raise PortError(
                    f"expected one input, got {len(self.model.inputs)}: name a factory that wraps "
                    f"the model in one of a single input"
                )
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
        with watched(self.model, self.pieces, traced):
            output = self.model(self._inputs(inputs), training=False)
        if isinstance(output, dict | list | tuple) or output is None:
            raise PortError(not_one_output(output))
        traced.output = array(output)
        return traced

    def loss(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        self.model.reset_metrics()
        found = self._on_batch("test", (inputs, targets))
        return float(found["loss"])

    def still(self) -> None:
        self._dropped = [(rate, "") for rate in self._layers.dropout_rates if rate]
        for layer in self._layers.dropouts:
            layer.call = _noting((float(layer.rate), what_it_drops(layer)), self._dropped)
        for layer in self.model._flatten_layers():
            inner = (getattr(layer, "cell", None), getattr(layer, "_dropout_layer", None))
            for owner in (layer, *inner):
                # Of a layer that holds others these are properties: theirs are set.
                own = getattr(owner, "__dict__", {})
                for name in {"rate", "dropout", "_dropout", "recurrent_dropout"} & own.keys():
                    if isinstance(own[name], float):
                        setattr(owner, name, 0.0)

    def dropout_rates(self) -> tuple[float, ...]:
        return tuple(rate for rate, _ in self._dropped)

    def dropout_kinds(self) -> tuple[str, ...]:
        return tuple(kind for _, kind in self._dropped)

    def gradients(self, batch: PortBatch) -> dict[str, npt.NDArray[Any]]:
        before = {name: self.read(name).astype(np.float64) for name in self._layers.variables}
        own, self.model.optimizer = self.model.optimizer, keras.optimizers.SGD(_LONG_STEP)
        variables = self.model.trainable_variables
        constraints = [variable.constraint for variable in variables]
        for variable in variables:
            variable.constraint = None  # it would undo so long a step
        self._train(batch)
        for variable, constraint in zip(variables, constraints, strict=True):
            variable.constraint = constraint
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
        # As `fit` ends: an optimizer that averages the weights sets them.
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def _find_layers(self) -> None:
        self._layers = Layers(self.model)
        self.pieces = self._layers.pieces

    def _train(self, batch: PortBatch) -> None:
        self._on_batch("train", batch)

    def _on_batch(self, mode: str, batch: PortBatch) -> Any:
        """Train or test on a batch; a loss of the file's own may take its classes one-hot."""
        method = step_of(self.model, mode)
        values = self._inputs(batch[0])
        if not self._one_hot:
            try:
                return method(values, self._targets(*batch))
            except Exception:  # of the engine, each has its own
                known = self._loss is not None and describe_loss(self._loss).targets == "unknown"
                if not known or not np.issubdtype(batch[1].dtype, np.integer):
                    raise
                self._one_hot = True
        return method(values, as_targets(batch[1], "one_hot", self._output_shape(values)))

    def _targets(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
        kind = describe_loss(self._loss).targets if self._loss is not None else "classes"
        if kind not in {"one_hot", "binary", "values"}:
            return targets
        return as_targets(targets, kind, self._output_shape(self._inputs(inputs)))

    def _output_shape(self, values: Any) -> tuple[int, ...]:
        """Return the shape of an output, which a subclass of keras.Model does not say."""
        return tuple(self.model(values, training=False).shape)

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
        """Return the loss of a file that has none: cross-entropy of classes, squares of values."""
        logits = self._outputs() != "probabilities"
        entropy = keras.losses.sparse_categorical_crossentropy

        def loss(targets: Any, outputs: Any) -> Any:
            if targets.shape[-1:] == outputs.shape[-1:] and len(targets.shape) == len(
                outputs.shape
            ):
                return keras.losses.mean_squared_error(targets, outputs)
            return entropy(targets, outputs, from_logits=logits)

        return loss


def _noting(dropout: tuple[float, str], dropped: list[tuple[float, str]]) -> Any:
    """Return the `call` of a layer that would drop: it drops nothing, and notes its rate."""

    def call(inputs: Any, training: bool = False) -> Any:
        if training and dropout[0]:
            dropped.append(dropout)
        return inputs

    return call
