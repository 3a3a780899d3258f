"""One model, trained, evaluated and asked, batch by batch."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import threadpoolctl

from benchbench import ModelSpec, Observer, Score, Split, Trainer, TrainingProtocol, task_of
from benchbench_numpy.network import Network
from benchbench_numpy.objective import objective_of
from benchbench_numpy.optimizers import Optimizer, make_optimizer


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    """Return what sets the threads of NumPy's BLAS; to look for it takes longer than a step."""
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


class NumpyTrainer(Trainer):
    """Trains in `dtype`.

    In float64 nothing is rounded on the way out either: `variables` returns float64. `predict`
    returns float32 in both.
    """

    def __init__(
        self,
        model: ModelSpec,
        protocol: TrainingProtocol,
        *,
        dtype: np.dtype,
        threads: int,
        seed: int,
    ) -> None:
        self._protocol = protocol
        self._trained = [variable for variable in model.variables if variable.trainable]
        self._shapes = model.variable_shapes
        self._output_shape = model.output_shape
        self._dtype = dtype
        # Tokens are no numbers to compute with: they stay whole.
        self._input_dtype = np.dtype("int32") if model.input_type == "int32" else dtype
        self._objective = objective_of(task_of(model, protocol).loss)
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._network = Network(
            model,
            objective=self._objective,
            batch_size=protocol.batch_size,
            dtype=dtype,
            random=self._random.spawn(1)[0],  # dropout's numbers are not the order's
        )
        self._threads = threads
        self._blas = _blas()

    def set_variables(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        shapes = tuple(array.shape for array in arrays)
        if shapes != self._shapes:
            raise ValueError(f"expected arrays of shapes {self._shapes}, got {shapes}")
        for variable, array in zip(self._network.variables, arrays, strict=True):
            variable[...] = array

    def variables(self) -> list[npt.NDArray[np.float32]]:
        return [variable.copy() for variable in self._network.variables]

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        self._sample_count = len(train)
        optimizer = make_optimizer(self._protocol, self._trained, self._network.parameters)
        for _ in range(self._protocol.epochs):
            self._network.set_training(True)
            with self._blas.limit(limits=self._threads):
                loss = self._train_epoch(train, optimizer)
            self._network.set_training(False)
            observer.epoch_trained(loss)
            observer.epoch_validated(self.evaluate(validation))

    def _train_epoch(self, train: Split, optimizer: Optimizer[Any]) -> float:
        """Take one step a batch; return the mean loss of the samples as they were met."""
        network = self._network
        order = self._random.permutation(len(train)) if self._protocol.shuffle else None
        total_loss = 0.0
        for batch in self._batches(len(train)):
            samples = batch if order is None else order[batch]
            targets = train.targets[samples]
            logits = network.forward(self._taken(train.inputs[samples]))
            total_loss += float(self._objective.losses(logits, targets).sum())
            network.backward(logits, targets)
            optimizer.update(network.parameters, network.gradient)
        return total_loss / len(train)

    def evaluate(self, split: Split) -> Score:
        total_loss, total_metric = 0.0, 0.0
        with self._blas.limit(limits=self._threads):
            for batch in self._batches(len(split)):
                targets = split.targets[batch]
                logits = self._network.forward(self._taken(split.inputs[batch]))
                total_loss += float(self._objective.losses(logits, targets).sum())
                total_metric += float(self._objective.metrics(logits, targets).sum())
        return Score(loss=total_loss / len(split), metric=total_metric / len(split))

    def predict(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        outputs = np.empty((len(inputs), *self._output_shape), np.float32)
        with self._blas.limit(limits=self._threads):
            for batch in self._batches(len(inputs)):
                logits = self._network.forward(self._taken(inputs[batch]))
                outputs[batch] = self._objective.outputs(logits)
        return outputs

    def _taken(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return inputs.astype(self._input_dtype, copy=False)

    def synchronize(self) -> None:
        """Return at once: NumPy has finished a call when it returns."""

    def settings(self) -> dict[str, str | int | float | bool]:
        with self._blas.limit(limits=self._threads):
            libraries = self._blas.info()
        return {
            "dtype": self._dtype.name,
            "layout": "NHWC",
            "data": "host memory",
            "convolution": "im2col and one matrix product a batch",
            # Sorted: their order is that in which this process happened to load them.
            "blas": ", ".join(
                sorted(f"{blas['internal_api']} {blas['version']}" for blas in libraries)
            ),
            "blas_threads": max((blas["num_threads"] for blas in libraries), default=1),
        }

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        order = np.arange(self._sample_count)
        if self._protocol.shuffle:
            random = np.random.default_rng(self._seed)
            for _ in range(epoch):
                order = random.permutation(self._sample_count)
        return order

    def _batches(self, count: int) -> Iterator[slice]:
        """Yield the batches of `count` samples as slices, in order; the last may be short."""
        for start in range(0, count, self._protocol.batch_size):
            yield slice(start, min(start + self._protocol.batch_size, count))
