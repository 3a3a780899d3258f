"""A backend, or the spec itself, in the place of a file's network: a port over its trainers.

A trainer trains whole epochs, so every step of a comparison is an epoch of a fresh trainer over the
batches up to there, in the order given. What goes on between the layers is asked of the reference
with the same variables: a backend does not tell.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.data.dataset import Split
from benchbench.plugins.contract import Backend, Score, Trainer
from benchbench.plugins.port_parts import plain, reshaped
from benchbench.plugins.ports import (
    ForwardTrace,
    Piece,
    Port,
    PortBatch,
    PortDescription,
    PortError,
    VariablePart,
)
from benchbench.plugins.registry import load_registry
from benchbench.ports import inputs
from benchbench.ports.messages import TrainedSpec
from benchbench.ports.spec_words import KINDS, loss_words, optimizer_words, settings_of
from benchbench.spec.initial import initial_variables
from benchbench.spec.layers import Dropout, Layer, map_layers
from benchbench.spec.model import LayerTrace
from benchbench.spec.optimizers import SGD
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of
from benchbench.spec.variables import Variable

# The name under which a plugin offers what traces the layers of a spec.
CORE_NETWORKS = "benchbench"
_REFERENCES = {"float64": "numpy-float64", "float32": "numpy"}
# A step of plain SGD this long leaves nothing of the weights but the gradient: a power of two, so
# that dividing by it is exact.
_LONG_STEP = 2.0**20
_SEED = 0


class BackendPort(Port):
    """A model of the spec, trained by a backend's division; see `TrainedSpec`."""

    @staticmethod
    def working_in(precision: str) -> AbstractContextManager[None]:
        return nullcontext()

    def __init__(self, made: tuple[TrainedSpec, str], precision: str) -> None:
        trained, self._trace_place = made
        if trained.backend and precision != "float32":
            raise PortError(f"the backend '{trained.backend}' trains in float32")
        self._trained, self._precision = trained, precision
        self._backend = _backend(trained.backend or _REFERENCES[precision])
        self._model = trained.model
        self._protocol = msgspec.structs.replace(
            trained.protocol, epochs=1, batch_size=inputs.BATCH, shuffle=False
        )
        self._task = task_of(self._model, self._protocol)
        self._rates: tuple[float, ...] = ()
        self._arrays: dict[str, npt.NDArray[Any]] = {
            variable.name: array
            for variable, array in zip(
                self._model.variables, initial_variables(self._model, _SEED), strict=True
            )
        }
        self.pieces = [_piece(leaf) for leaf in self._model.leaves() if leaf.variables]

    def describe(self) -> PortDescription:
        loss = loss_words(self._task.loss)
        return PortDescription(
            framework=self._trained.backend or CORE_NETWORKS,
            blocks=self.blocks(),
            input_shape=self._model.input_shape,
            loss=loss,
            optimizer=(optimizer_words(self._protocol) if self._trained.own_optimizer else None),
            outputs=loss.outputs,
        )

    def read(self, source: str) -> npt.NDArray[Any]:
        return self._arrays[source].copy()

    def write(self, source: str, value: npt.NDArray[Any]) -> None:
        self._arrays[source] = np.ascontiguousarray(value, self._dtype)

    def trace(self, inputs: npt.NDArray[Any]) -> ForwardTrace:
        values = self._inputs(inputs)
        output = self._trainer(self._protocol).predict(values)
        traced = ForwardTrace(np.array(output))
        if self._trace_place:
            module, _, name = self._trace_place.partition(":")
            trace_layers = getattr(importlib.import_module(module), name)
            ends = trace_layers(self._model, self._values(), values, self._precision)
            for leaf, (went_in, came_out) in ends.items():
                traced.inputs[leaf], traced.outputs[leaf] = went_in, came_out
        return traced

    def loss(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        return float(self._trainer(self._protocol).evaluate(self._split((inputs, targets))).loss)

    def still(self) -> None:
        self._rates = tuple(
            leaf.layer.rate for leaf in self._model.leaves() if isinstance(leaf.layer, Dropout)
        )
        layers = map_layers(self._model.layers, _without_dropout)
        self._model = msgspec.structs.replace(self._model, layers=layers)

    def dropout_rates(self) -> tuple[float, ...]:
        return tuple(rate for rate in self._rates if rate)

    def gradients(self, batch: PortBatch) -> dict[str, npt.NDArray[Any]]:
        protocol = msgspec.structs.replace(
            self._protocol, optimizer=SGD(_LONG_STEP), clip_norm=None
        )
        moved = dict(zip(self._arrays, self._fitted(protocol, [batch]), strict=True))
        made = {}
        for variable in self._model.variables:
            before = self._arrays[variable.name].astype(np.float64)
            gradient = (before - moved[variable.name]) / _LONG_STEP
            made[variable.name] = gradient if variable.trainable else np.zeros_like(before)
            if not variable.trainable:
                self._arrays[variable.name] = moved[variable.name]
        return self.joined(made.__getitem__)

    def step(self, batches: Sequence[PortBatch]) -> Iterator[None]:
        for _ in self.snapshots(batches, range(1, len(batches) + 1)):
            yield

    def snapshots(self, batches: Sequence[PortBatch], numbers: Collection[int]) -> Iterator[int]:
        start = dict(self._arrays)
        for number in sorted({*numbers, len(batches)}):
            if number <= len(batches):
                self._arrays = start
                after = self._fitted(self._protocol, batches[:number])
                self._arrays = dict(zip(start, after, strict=True))
                yield number

    @property
    def _dtype(self) -> type[np.floating[Any]]:
        return np.float64 if self._precision == "float64" else np.float32

    def _values(self) -> list[npt.NDArray[Any]]:
        return [array.copy() for array in self._arrays.values()]

    def _trainer(self, protocol: TrainingProtocol) -> Trainer:
        trainer = self._backend.trainer(
            self._model,
            protocol,
            device=self._trained.device,
            division=self._trained.division,
            threads=1,
            seed=_SEED,
        )
        trainer.set_variables(self._values())
        return trainer

    def _fitted(
        self, protocol: TrainingProtocol, batches: Sequence[PortBatch]
    ) -> list[npt.NDArray[Any]]:
        """Return the variables after an epoch of these batches."""
        joined = tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))
        train = self._split((joined[0], joined[1]))
        few = Split(train.inputs[: inputs.SHORT], train.targets[: inputs.SHORT])
        trainer = self._trainer(protocol)
        trainer.fit(train, few, _Silent())
        trainer.synchronize()
        return trainer.variables()

    def _split(self, batch: PortBatch) -> Split:
        targets = batch[1].reshape(len(batch[1]), *self._task.target_shape)
        kind = np.int64 if self._task.classes else np.float32
        return Split(self._inputs(batch[0]), np.ascontiguousarray(targets, kind))

    def _inputs(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shape = self._model.input_shape
        if math.prod(values.shape[1:]) != math.prod(shape):
            raise PortError(
                f"the model '{self._model.name}' takes samples of {shape}, not {values.shape[1:]}"
            )
        kind = np.int32 if self._model.input_type == "int32" else np.float32
        return np.ascontiguousarray(values.reshape(len(values), *shape), kind)


class _Silent:
    """An observer that has nothing to say."""

    def epoch_trained(self, loss: float | None) -> None:
        pass

    def epoch_validated(self, score: Score) -> None:
        pass


@functools.cache
def _backend(name: str) -> Backend:
    return load_registry(retry=False).backend(name).create()


def _without_dropout(layer: Layer) -> Layer:
    return Dropout(0.0) if isinstance(layer, Dropout) else layer


def _piece(leaf: LayerTrace) -> Piece:
    kind = KINDS.get(type(leaf.layer).__name__, type(leaf.layer).__name__)
    parts = tuple(_part(variable) for variable in leaf.variables)
    return Piece(leaf.name, kind, leaf.layer, parts, settings_of(leaf.layer))


def _part(variable: Variable) -> VariablePart:
    """Return a variable as the other ports lay it out: attention's heads in one axis."""
    role, source, shape = variable.role, variable.name, variable.shape
    if role in {"query_kernel", "key_kernel", "value_kernel"}:
        return reshaped(role, source, (shape[0], shape[1] * shape[2]), shape)
    if role in {"query_bias", "key_bias", "value_bias"}:
        return reshaped(role, source, (shape[0] * shape[1],), shape)
    if role == "output_kernel":
        return reshaped(role, source, (shape[0] * shape[1], shape[2]), shape)
    return plain(role, source, fixed=not variable.trainable)
