"""One model, trained, evaluated and asked, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import threadpoolctl

from benchbench import ModelSpec, Observer, Score, Split, Trainer, TrainingProtocol
from benchbench_numpy.adam import Adam
from benchbench_numpy.loss import cross_entropies, softmax
from benchbench_numpy.network import Network


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
        self._shapes = model.variable_shapes
        self._classes = model.classes
        self._dtype = dtype
        self._network = Network(model, batch_size=protocol.batch_size, dtype=dtype)
        self._random = np.random.default_rng(seed)
        self._threads = threads
        self._blas = threadpoolctl.ThreadpoolController().select(user_api="blas")

    def set_variables(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        shapes = tuple(array.shape for array in arrays)
        if shapes != self._shapes:
            raise ValueError(f"expected arrays of shapes {self._shapes}, got {shapes}")
        self._network.parameters[...] = np.concatenate([array.ravel() for array in arrays])

    def variables(self) -> list[npt.NDArray[np.float32]]:
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        parts = np.split(self._network.parameters.copy(), ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        adam = Adam(self._protocol.optimizer, self._network.parameters)
        for _ in range(self._protocol.epochs):
            with self._blas.limit(limits=self._threads):
                loss = self._train_epoch(train, adam)
            observer.epoch_trained(loss)
            observer.epoch_validated(self.evaluate(validation))

    def _train_epoch(self, train: Split, adam: Adam) -> float:
        """Take one step a batch; return the mean loss of the samples as they were met."""
        network = self._network
        order = self._random.permutation(len(train)) if self._protocol.shuffle else None
        total_loss = 0.0
        for batch in self._batches(len(train)):
            samples = batch if order is None else order[batch]
            labels = train.targets[samples]
            logits = network.forward(train.inputs[samples].astype(self._dtype, copy=False))
            total_loss += float(cross_entropies(logits, labels).sum())
            network.backward(logits, labels)
            adam.update(network.parameters, network.gradient)
        return total_loss / len(train)

    def evaluate(self, split: Split) -> Score:
        total_loss, correct = 0.0, 0
        with self._blas.limit(limits=self._threads):
            for batch in self._batches(len(split)):
                labels = split.targets[batch]
                logits = self._network.forward(split.inputs[batch].astype(self._dtype, copy=False))
                total_loss += float(cross_entropies(logits, labels).sum())
                correct += int((logits.argmax(axis=1) == labels).sum())
        return Score(loss=total_loss / len(split), metric=correct / len(split))

    def predict(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        probabilities = np.empty((len(inputs), self._classes), np.float32)
        with self._blas.limit(limits=self._threads):
            for batch in self._batches(len(inputs)):
                logits = self._network.forward(inputs[batch].astype(self._dtype, copy=False))
                probabilities[batch] = softmax(logits)
        return probabilities

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
            "blas": ", ".join(f"{blas['internal_api']} {blas['version']}" for blas in libraries),
            "blas_threads": max((blas["num_threads"] for blas in libraries), default=1),
        }

    def _batches(self, count: int) -> Iterator[slice]:
        """Yield the batches of `count` samples as slices, in order; the last may be short."""
        for start in range(0, count, self._protocol.batch_size):
            yield slice(start, min(start + self._protocol.batch_size, count))
