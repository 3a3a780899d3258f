"""The idiomatic division: the code that PyTorch's tutorials would have you write.

Source: "Quickstart" and "Training with PyTorch" on docs.pytorch.org: `nn.Sequential`, a
`TensorDataset` in a `DataLoader`, `.to(device)` and `loss.item()` a batch, `model.train()` and
`model.eval()`, `torch.no_grad()`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchbench import (
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ModelSpec,
    Observer,
    Score,
    Split,
    Trainer,
    TrainingProtocol,
    Unsupported,
)
from benchbench_torch.device import peak_memory_bytes, process_settings, synchronize
from benchbench_torch.layout import FloatArray, tensor_of, to_canonical, to_torch
from benchbench_torch.optimizers import TorchOptimizer


def sequential(model: ModelSpec) -> nn.Sequential:
    """Return the model in torch, (n, channels, height, width) in, logits (n, classes) out."""
    layers: list[nn.Module] = []
    for trace in model.trace():
        layer = trace.layer
        match layer:
            case Conv2D():
                layers.append(nn.Conv2d(trace.input_shape[2], layer.filters, layer.kernel_size))
            case MaxPool2D():
                layers.append(nn.MaxPool2d(layer.pool_size))
            case Dense():
                layers.append(nn.Linear(trace.input_shape[0], layer.units))
            case Flatten():
                layers.append(nn.Flatten())
            case _:
                raise Unsupported(f"torch idiomatic has no layer {type(layer).__name__}")
        match getattr(layer, "activation", "linear"):
            case "relu":
                layers.append(nn.ReLU())
            case "linear" | "softmax":  # the softmax of the output layer is in the loss
                pass
            case unknown:
                raise Unsupported(f"torch idiomatic has no activation '{unknown}'")
    return nn.Sequential(*layers)


class IdiomaticTrainer(Trainer):
    """A DataLoader loop over tensors in main memory."""

    def __init__(
        self, model: ModelSpec, protocol: TrainingProtocol, *, device: torch.device, seed: int
    ) -> None:
        self._spec = model
        self._protocol = protocol
        self._device = device
        self._generator = torch.Generator().manual_seed(seed)
        self._model = sequential(model).to(device)
        self._loss = nn.CrossEntropyLoss()
        parameters = list(self._model.parameters())
        trained = (variable for variable in model.variables if variable.trainable)
        named = zip(parameters, trained, strict=True)
        self._optimizer = TorchOptimizer(
            parameters,
            protocol.optimizer,
            decayed=[parameter for parameter, variable in named if variable.decayed],
            clip_norm=protocol.clip_norm,
        )

    def set_variables(self, arrays: Sequence[FloatArray]) -> None:
        with torch.no_grad():
            for parameter, tensor in zip(
                self._model.parameters(), to_torch(self._spec, arrays), strict=True
            ):
                parameter.copy_(tensor)

    def variables(self) -> list[FloatArray]:
        return to_canonical(self._spec, list(self._model.parameters()))

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        batches = self._batches(train, shuffle=self._protocol.shuffle)
        for _ in range(self._protocol.epochs):
            observer.epoch_trained(self._train_epoch(batches))
            observer.epoch_validated(self.evaluate(validation))

    def _train_epoch(self, batches: DataLoader) -> float:
        """Take one step a batch and return the mean loss over samples."""
        self._model.train()
        total, count = 0.0, 0
        for batch in batches:
            images, labels = (tensor.to(self._device) for tensor in batch)
            self._optimizer.zero_grad()
            loss = self._loss(self._model(images), labels)
            loss.backward()
            self._optimizer.step()
            total += loss.item() * len(labels)
            count += len(labels)
        return total / count

    def evaluate(self, split: Split) -> Score:
        self._model.eval()
        loss, correct = 0.0, 0
        with torch.no_grad():
            for batch in self._batches(split):
                images, labels = (tensor.to(self._device) for tensor in batch)
                logits = self._model(images)
                loss += self._loss(logits, labels).item() * len(labels)
                correct += int((logits.argmax(1) == labels).sum().item())
        return Score(loss / len(split), correct / len(split))

    def predict(self, inputs: FloatArray) -> FloatArray:
        self._model.eval()
        unlabelled = TensorDataset(tensor_of(inputs).permute(0, 3, 1, 2))
        probabilities = []
        with torch.no_grad():
            for (batch,) in DataLoader(unlabelled, batch_size=self._protocol.batch_size):
                logits = self._model(batch.to(self._device))
                probabilities.append(logits.softmax(1).cpu().numpy())
        return np.concatenate(probabilities)

    def _batches(self, split: Split, *, shuffle: bool = False) -> DataLoader:
        dataset = TensorDataset(
            tensor_of(split.inputs).permute(0, 3, 1, 2), tensor_of(split.targets)
        )
        return DataLoader(
            dataset,
            batch_size=self._protocol.batch_size,
            shuffle=shuffle,
            generator=self._generator,
        )

    def synchronize(self) -> None:
        synchronize(self._device)

    def settings(self) -> dict[str, str | int | float | bool]:
        return {
            **process_settings(self._device),
            "compile": "none (eager)",
            "memory_format": "contiguous (NCHW)",
            **self._optimizer.settings,
            "data": "main memory, DataLoader in the training process, one sample at a time",
            "loss_read": "every step",
        }

    def device_peak_memory_bytes(self) -> int | None:
        return peak_memory_bytes(self._device)
