"""The idiomatic division: the loop of Flax NNX's own tutorial.

Source: "MNIST tutorial", flax.readthedocs.io (0.12): `nnx.Module`, `nnx.Optimizer` with optax,
`nnx.MultiMetric`, an `nnx.jit`-compiled step for training, evaluation and prediction, views of the
model for the two modes, and batches of NumPy arrays. Four things differ from the page, because the
spec says otherwise: the short last batch is trained on too; the mean of the loss is over samples,
not over batches; layers and optimizer have the spec's numbers; and the metrics are read once an
epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from flax import nnx

from benchbench import (
    Loss,
    ModelSpec,
    Observer,
    Score,
    Split,
    Trainer,
    TrainingProtocol,
    task_of,
)
from benchbench_jax.device import Settings, peak_memory_bytes, process_settings
from benchbench_jax.layout import FloatArray
from benchbench_jax.network import network
from benchbench_jax.objective import losses_of, metrics_of, outputs_of, target_array
from benchbench_jax.optimizers import decayed_parameters, transformation
from benchbench_jax.views import view_of

Batch = dict[str, npt.NDArray[Any]]


def loss_fn(
    model: nnx.Module, loss: Loss, batch: Batch, rngs: nnx.Rngs | None
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """Return the mean loss; and the samples' losses (n,) and logits (n, *output_shape)."""
    logits = model(batch["inputs"], rngs)
    losses = losses_of(loss, logits, batch["targets"])
    return losses.mean(), (losses, logits)


_jit = partial(nnx.jit, static_argnames="loss")


@_jit
def train_step(
    model: nnx.Module,
    optimizer: nnx.Optimizer,
    metrics: nnx.MultiMetric,
    rngs: nnx.Rngs,
    batch: Batch,
    *,
    loss: Loss,
) -> None:
    """Train for a single step."""
    grad_fn = nnx.value_and_grad(loss_fn, has_aux=True)
    (_, (losses, logits)), grads = grad_fn(model, loss, batch, rngs)
    metrics.update(loss=losses, metric=metrics_of(loss, logits, batch["targets"]))
    optimizer.update(model, grads)


@_jit
def eval_step(model: nnx.Module, metrics: nnx.MultiMetric, batch: Batch, *, loss: Loss) -> None:
    """Add a batch to the metrics."""
    _, (losses, logits) = loss_fn(model, loss, batch, None)
    metrics.update(loss=losses, metric=metrics_of(loss, logits, batch["targets"]))


@_jit
def pred_step(model: nnx.Module, inputs: FloatArray, *, loss: Loss) -> jax.Array:
    """Return the outputs, (n, *output_shape)."""
    return outputs_of(loss, model(inputs))


class IdiomaticTrainer(Trainer):
    """NumPy batches through a compiled step."""

    def __init__(
        self, model: ModelSpec, protocol: TrainingProtocol, *, device: Any, seed: int
    ) -> None:
        self._protocol = protocol
        self._loss = task_of(model, protocol).loss
        self._device = device
        self._seed = seed
        self._random = np.random.default_rng(seed)
        with jax.default_device(device):
            self._model = network(model)
            self._train_model = view_of(self._model, training=True)
            self._eval_model = view_of(self._model, training=False)
            tx = transformation(protocol, decayed_parameters)
            self._optimizer = nnx.Optimizer(self._model, tx, wrt=nnx.Param)
            self._metrics = nnx.MultiMetric(
                loss=nnx.metrics.Average("loss"), metric=nnx.metrics.Average("metric")
            )
            self._rngs = nnx.Rngs(dropout=seed)

    def set_variables(self, arrays: Sequence[FloatArray]) -> None:
        with jax.default_device(self._device):
            for place, array in zip(self._model.canonical(), arrays, strict=True):
                place.load(array)

    def variables(self) -> list[FloatArray]:
        return [place.array() for place in self._model.canonical()]

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        self._sample_count = len(train)
        order = np.arange(len(train))
        for _ in range(self._protocol.epochs):
            if self._protocol.shuffle:
                order = self._random.permutation(len(train))
            observer.epoch_trained(self._train_epoch(train, order))
            observer.epoch_validated(self.evaluate(validation))

    def _train_epoch(self, train: Split, order: npt.NDArray[np.int64]) -> float:
        """Take one step a batch and return the mean loss over samples."""
        with jax.default_device(self._device):
            for batch in self._batches(train, order):
                train_step(
                    self._train_model,
                    self._optimizer,
                    self._metrics,
                    self._rngs,
                    batch,
                    loss=self._loss,
                )
            return self._read_metrics().loss

    def evaluate(self, split: Split) -> Score:
        with jax.default_device(self._device):
            for batch in self._batches(split, np.arange(len(split))):
                eval_step(self._eval_model, self._metrics, batch, loss=self._loss)
            return self._read_metrics()

    def predict(self, inputs: FloatArray) -> FloatArray:
        size = self._protocol.batch_size
        with jax.default_device(self._device):
            parts = [
                pred_step(self._eval_model, inputs[start : start + size], loss=self._loss)
                for start in range(0, len(inputs), size)
            ]
            return np.concatenate([np.asarray(part) for part in parts])

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        order = np.arange(self._sample_count)
        if self._protocol.shuffle:
            random = np.random.default_rng(self._seed)
            for _ in range(epoch):
                order = random.permutation(self._sample_count)
        return order

    def _batches(self, split: Split, order: npt.NDArray[np.int64]) -> Iterator[Batch]:
        """Yield the samples in this order, batch by batch; the last one may be short."""
        size = self._protocol.batch_size
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield {"inputs": split.inputs[rows], "targets": target_array(split.targets[rows])}

    def _read_metrics(self) -> Score:
        values = self._metrics.compute()
        score = Score(loss=float(values["loss"]), metric=float(values["metric"]))
        self._metrics.reset()
        return score

    def synchronize(self) -> None:
        jax.block_until_ready(nnx.state((self._model, self._optimizer, self._metrics)))

    def settings(self) -> Settings:
        return {
            **process_settings(self._device),
            "compile": "nnx.jit, a step",
            "max_pool": "reduce_window",
            "optimizer": "optax, Adam's epsilon by benchbench's formula",
            "data": "main memory, NumPy batches",
            "loss_read": "every epoch",
        }

    def device_peak_memory_bytes(self) -> int | None:
        return peak_memory_bytes(self._device)
