"""The tuned division: the same mathematics in float32, executed the fastest way we know."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from benchbench import (
    ModelSpec,
    Observer,
    Score,
    Split,
    Trainer,
    TrainingProtocol,
)
from benchbench_torch.adam import epsilon_at
from benchbench_torch.device import peak_memory_bytes, process_settings, synchronize
from benchbench_torch.idiomatic import sequential
from benchbench_torch.layout import FloatArray, tensor_of, to_canonical, to_torch

_EVALUATION_BATCH = 1000


class TunedTrainer(Trainer):
    """Data resident on the device, no read-back within an epoch, fused Adam, channels last."""

    def __init__(
        self, model: ModelSpec, protocol: TrainingProtocol, *, device: torch.device, seed: int
    ) -> None:
        torch.set_flush_denormal(True)
        self._spec = model
        self._protocol = protocol
        self._device = device
        self._generator = torch.Generator(device).manual_seed(seed)
        self._model = sequential(model).to(device, memory_format=torch.channels_last)
        formula = protocol.optimizer
        self._optimizer = torch.optim.Adam(
            self._model.parameters(),
            lr=formula.learning_rate,
            betas=(formula.beta_1, formula.beta_2),
            fused=True,
        )
        self._step = 0

    def set_parameters(self, arrays: Sequence[FloatArray]) -> None:
        with torch.no_grad():
            for parameter, tensor in zip(
                self._model.parameters(), to_torch(self._spec, arrays), strict=True
            ):
                parameter.copy_(tensor)

    def parameters(self) -> list[FloatArray]:
        return to_canonical(self._spec, list(self._model.parameters()))

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        train_data, validation_data = self._resident(train), self._resident(validation)
        for _ in range(self._protocol.epochs):
            observer.epoch_trained(self._train_epoch(*train_data))
            observer.epoch_validated(self._score(*validation_data))

    def _train_epoch(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        size, count = self._protocol.batch_size, len(labels)
        order = None
        if self._protocol.shuffle:
            order = torch.randperm(count, device=self._device, generator=self._generator)
        total = torch.zeros((), device=self._device)
        for start in range(0, count, size):
            if order is None:
                batch, targets = images[start : start + size], labels[start : start + size]
            else:
                chosen = order[start : start + size]
                batch, targets = images.index_select(0, chosen), labels.index_select(0, chosen)
            loss = functional.cross_entropy(self._logits(batch), targets)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._step += 1
            self._optimizer.param_groups[0]["eps"] = epsilon_at(
                self._protocol.optimizer, self._step
            )
            self._optimizer.step()
            total += loss.detach() * len(targets)
        return total.item() / count

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        return self._model(images.permute(0, 3, 1, 2))

    def evaluate(self, split: Split) -> Score:
        return self._score(*self._resident(split))

    @torch.inference_mode()
    def _score(self, images: torch.Tensor, labels: torch.Tensor) -> Score:
        loss = torch.zeros((), device=self._device)
        correct = torch.zeros((), device=self._device, dtype=torch.int64)
        for start in range(0, len(labels), _EVALUATION_BATCH):
            targets = labels[start : start + _EVALUATION_BATCH]
            logits = self._logits(images[start : start + _EVALUATION_BATCH])
            loss += functional.cross_entropy(logits, targets, reduction="sum")
            correct += (logits.argmax(1) == targets).sum()
        return Score(loss.item() / len(labels), correct.item() / len(labels))

    @torch.inference_mode()
    def predict(self, images: FloatArray) -> FloatArray:
        tensor = tensor_of(images).to(self._device)
        parts = [self._logits(part).softmax(1) for part in tensor.split(_EVALUATION_BATCH)]
        return torch.cat(parts).cpu().numpy()

    def _resident(self, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
        return tensor_of(split.images).to(self._device), tensor_of(split.labels).to(self._device)

    def synchronize(self) -> None:
        synchronize(self._device)

    def settings(self) -> dict[str, str | int | float | bool]:
        return {
            **process_settings(self._device),
            "compile": "none (eager)",
            "memory_format": "channels_last",
            "optimizer": "torch.optim.Adam, fused, eps set before every step",
            "data": "resident on the device, gathered batch by batch",
            "loss_read": "every epoch",
            "flush_denormal": True,
        }

    def device_peak_memory_bytes(self) -> int | None:
        return peak_memory_bytes(self._device)
