"""The tuned division: pure functions over tuples of arrays, data resident on the device.

The layers are those of the idiomatic division; what differs is how they are executed, see
`docs/jax.md`. Without a convolution, and on a card, an epoch is one compiled loop. On a CPU with a
convolution it is one compiled step a batch: inside a loop XLA's convolutions there are up to
sixteen times slower.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from flax import nnx

from benchbench import Conv2D, ModelSpec, Observer, Score, Split, Trainer, TrainingProtocol
from benchbench_jax.device import Settings, peak_memory_bytes, process_settings
from benchbench_jax.layout import FloatArray
from benchbench_jax.network import network
from benchbench_jax.objective import target_array
from benchbench_jax.steps import steps_of, variables_of

_EVALUATION_BATCH = 1000


class TunedTrainer(Trainer):
    """One call an epoch, or one a step; nothing is read back within an epoch."""

    def __init__(
        self, model: ModelSpec, protocol: TrainingProtocol, *, device: Any, seed: int
    ) -> None:
        self._protocol = protocol
        self._device = device
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._whole_epochs = device.platform != "cpu" or not _has_convolution(model)
        self._steps = steps_of(model, protocol, device)
        with jax.default_device(device):
            # The variables by their names; the steps have them as tuples.
            self._module = network(model)
            start = self._steps.start(variables_of(self._module), seed)
        # Placed, as all that a step gives back is: else the second epoch would be compiled anew.
        self._progress = jax.device_put(start, device)

    def set_variables(self, arrays: Sequence[FloatArray]) -> None:
        with jax.default_device(self._device):
            for place, array in zip(self._module.canonical(), arrays, strict=True):
                place.load(array)
        variables = jax.device_put(variables_of(self._module), self._device)
        self._progress = self._progress._replace(variables=variables)

    def variables(self) -> list[FloatArray]:
        nnx.update(self._module, *self._steps.states(self._progress.variables))
        return [place.array() for place in self._module.canonical()]

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        count = self._sample_count = len(train)
        data = self._on_device(train.inputs), self._on_device(target_array(train.targets))
        unseen = list(self._parts(validation))
        order = np.arange(count, dtype=np.int32)
        for _ in range(self._protocol.epochs):
            if self._protocol.shuffle:
                order = self._random.permutation(order)
            observer.epoch_trained(self._train_epoch(data, order) / count)
            observer.epoch_validated(self._score(unseen))

    def _train_epoch(
        self, data: tuple[jax.Array, jax.Array], order: npt.NDArray[np.int32]
    ) -> float:
        """Take one step a batch and return the sum of the losses over the samples."""
        size, count = self._protocol.batch_size, len(order)
        looped = count // size * size if self._whole_epochs else 0
        losses = []
        if looped:
            batches = self._on_device(order[:looped].reshape(-1, size))
            self._progress, loss = self._steps.epoch(self._progress, *data, batches)
            losses.append(loss)
        for start in range(looped, count, size):
            rows = self._on_device(order[start : start + size])
            batch = (self._steps.gather(array, rows) for array in data)
            self._progress, loss = self._steps.step(self._progress, *batch)
            losses.append(loss)
        return float(sum(np.sum(part, dtype=np.float64) for part in jax.device_get(losses)))

    def evaluate(self, split: Split) -> Score:
        return self._score(self._parts(split))

    def _score(self, parts: Iterable[tuple[jax.Array, jax.Array]]) -> Score:
        variables = self._progress.variables
        scores = jax.device_get([self._steps.scores(variables, *part) for part in parts])
        losses, metrics = (np.concatenate(values) for values in zip(*scores, strict=True))
        return Score(float(losses.mean(dtype=np.float64)), float(metrics.mean(dtype=np.float64)))

    def predict(self, inputs: FloatArray) -> FloatArray:
        parts = [
            self._steps.outputs(self._progress.variables, self._on_device(inputs[part]))
            for part in _slices(len(inputs), _EVALUATION_BATCH)
        ]
        return np.concatenate(jax.device_get(parts))

    def _parts(self, split: Split) -> Iterator[tuple[jax.Array, jax.Array]]:
        for part in _slices(len(split), _EVALUATION_BATCH):
            yield (
                self._on_device(split.inputs[part]),
                self._on_device(target_array(split.targets[part])),
            )

    def _on_device(self, array: npt.NDArray[Any]) -> jax.Array:
        return jax.device_put(array, self._device)

    def synchronize(self) -> None:
        jax.block_until_ready(self._progress)

    def settings(self) -> Settings:
        return {
            **process_settings(self._device),
            "compile": "jax.jit, " + ("an epoch" if self._whole_epochs else "a step"),
            "max_pool": "strided slices and selects where windows lie side by side",
            "optimizer": "optax, Adam's epsilon by benchbench's formula",
            "data": "resident on the device, gathered by a permutation",
            "donated": "variables and optimizer state",
            "evaluation_batch_size": _EVALUATION_BATCH,
            "loss_read": "every epoch",
        }

    def order(self, epoch: int) -> npt.NDArray[np.int32]:
        random = np.random.default_rng(self._seed)
        order = np.arange(self._sample_count, dtype=np.int32)
        if self._protocol.shuffle:
            for _ in range(epoch):
                order = random.permutation(order)
        return order

    def device_peak_memory_bytes(self) -> int | None:
        return peak_memory_bytes(self._device)


def _has_convolution(model: ModelSpec) -> bool:
    return any(isinstance(leaf.layer, Conv2D) for leaf in model.leaves())


def _slices(count: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]
