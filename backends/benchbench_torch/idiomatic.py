"""The idiomatic division: the code that PyTorch's tutorials would have you write.

Source: "Quickstart" and "Training with PyTorch" on docs.pytorch.org: `nn.Sequential`, a
`TensorDataset` in a `DataLoader`, `.to(device)` and `loss.item()` a batch, `model.train()` and
`model.eval()`, `torch.no_grad()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from benchbench import (
    ModelSpec,
    Observer,
    Score,
    Split,
    Trainer,
    TrainingProtocol,
    task_of,
)
from benchbench_torch.device import peak_memory_bytes, process_settings, synchronize
from benchbench_torch.layout import FloatArray, channels_first, tensor_of
from benchbench_torch.network import Network
from benchbench_torch.objective import Objective
from benchbench_torch.optimizers import TorchOptimizer


class IdiomaticTrainer(Trainer):
    """A DataLoader loop over tensors in main memory."""

    def __init__(
        self, model: ModelSpec, protocol: TrainingProtocol, *, device: torch.device, seed: int
    ) -> None:
        self._protocol = protocol
        self._device = device
        self._seed = seed
        self._generator = torch.Generator().manual_seed(seed)
        # Dropout draws from the process's generator; torch's modules take no other.
        torch.manual_seed(seed)
        self._network = Network(model, device)
        self._model = self._network.module
        self._objective = Objective(task_of(model, protocol).loss)
        self._optimizer = TorchOptimizer(
            self._network.parameters(),
            protocol.optimizer,
            decayed=self._network.decayed(),
            clip_norm=protocol.clip_norm,
        )

    def set_variables(self, arrays: Sequence[FloatArray]) -> None:
        self._network.load(arrays)

    def variables(self) -> list[FloatArray]:
        return self._network.canonical()

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        self._sample_count = len(train)
        batches = self._batches(train, shuffle=self._protocol.shuffle)
        for _ in range(self._protocol.epochs):
            observer.epoch_trained(self._train_epoch(batches))
            observer.epoch_validated(self.evaluate(validation))

    def _train_epoch(self, batches: DataLoader) -> float:
        """Take one step a batch and return the mean loss over samples."""
        self._model.train()
        total, count = 0.0, 0
        for batch in batches:
            inputs, targets = (tensor.to(self._device) for tensor in batch)
            self._optimizer.zero_grad()
            loss = self._objective.mean_loss(self._model(inputs), targets)
            loss.backward()
            self._optimizer.step()
            total += loss.item() * len(targets)
            count += len(targets)
        return total / count

    def evaluate(self, split: Split) -> Score:
        self._model.eval()
        loss, metric = 0.0, 0.0
        with torch.no_grad():
            for batch in self._batches(split):
                inputs, targets = (tensor.to(self._device) for tensor in batch)
                logits = self._model(inputs)
                loss += self._objective.mean_loss(logits, targets).item() * len(targets)
                metric += self._objective.mean_metric(logits, targets).item() * len(targets)
        return Score(loss / len(split), metric / len(split))

    def predict(self, inputs: FloatArray) -> FloatArray:
        self._model.eval()
        without_targets = TensorDataset(channels_first(inputs))
        outputs = []
        with torch.no_grad():
            for (batch,) in DataLoader(without_targets, batch_size=self._protocol.batch_size):
                logits = self._model(batch.to(self._device))
                outputs.append(self._objective.outputs(logits).cpu().numpy())
        return np.concatenate(outputs)

    def _batches(self, split: Split, *, shuffle: bool = False) -> DataLoader:
        dataset = TensorDataset(channels_first(split.inputs), tensor_of(split.targets))
        return self._loader(dataset, self._generator, shuffle=shuffle)

    def _loader(
        self, dataset: Dataset[Any], generator: torch.Generator, *, shuffle: bool = False
    ) -> DataLoader:
        return DataLoader(
            dataset, batch_size=self._protocol.batch_size, shuffle=shuffle, generator=generator
        )

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Draw again what `fit` drew: each pass of a loader, of the validation too, draws a number.

        The sampler draws the order, once it is iterated over.
        """
        generator = torch.Generator().manual_seed(self._seed)
        samples = TensorDataset(torch.arange(self._sample_count))
        training = self._loader(samples, generator, shuffle=self._protocol.shuffle)
        validation = self._loader(samples, generator)
        order: list[int] = []
        for _ in range(epoch):
            iter(training)
            order = list(training.sampler)
            iter(validation)
        return np.array(order)

    def synchronize(self) -> None:
        synchronize(self._device)

    def settings(self) -> dict[str, str | int | float | bool]:
        return {
            **process_settings(self._device),
            "compile": "none (eager)",
            "memory_format": "contiguous (NCHW)",
            **self._optimizer.settings,
            "loss": self._objective.name,
            "data": "main memory, DataLoader in the training process, one sample at a time",
            "loss_read": "every step",
        }

    def device_peak_memory_bytes(self) -> int | None:
        return peak_memory_bytes(self._device)
