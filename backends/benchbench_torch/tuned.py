"""The tuned division: the same mathematics in float32, executed the fastest way we know.

`docs/torch.md` lists what was tried, what it brought, and where the time stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from benchbench import ModelSpec, Observer, Score, Split, Trainer, TrainingProtocol, task_of
from benchbench_torch.device import (
    peak_memory_bytes,
    process_settings,
    synchronize,
)
from benchbench_torch.layout import FloatArray, tensor_of
from benchbench_torch.objective import Objective
from benchbench_torch.vector_optimizers import make_vector_optimizer
from benchbench_torch.written_out import WrittenOut

_EVALUATION_BATCH = 512


class TunedTrainer(Trainer):
    """Data resident on the device, no autograd, no read-back within an epoch, one vector."""

    def __init__(
        self, model: ModelSpec, protocol: TrainingProtocol, *, device: torch.device, seed: int
    ) -> None:
        self._protocol = protocol
        self._classes = model.classes
        self._objective = Objective(task_of(model, protocol).loss)
        self._device = device
        self._seed = seed
        self._generator = torch.Generator(device).manual_seed(seed)
        self._network = WrittenOut(model, device)
        trained = [variable for variable in model.variables if variable.trainable]
        self._optimizer = make_vector_optimizer(
            protocol, trained, self._network.parameters, self._network.gradients
        )

    def set_variables(self, arrays: Sequence[FloatArray]) -> None:
        self._network.load(arrays)

    def variables(self) -> list[FloatArray]:
        return self._network.canonical()

    @torch.inference_mode()
    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        self._sample_count = len(train)
        images, answers = self._resident(train)
        validation_data = self._resident(validation)
        for _ in range(self._protocol.epochs):
            observer.epoch_trained(self._train_epoch(images, answers))
            observer.epoch_validated(self._score(*validation_data))

    def _train_epoch(self, images: torch.Tensor, answers: torch.Tensor) -> float:
        """Take one step a batch and return the mean loss over samples.

        The logits of all steps are kept, so that the loss is computed once, for the whole epoch.
        """
        size, count = self._protocol.batch_size, len(answers)
        order = torch.arange(count, device=self._device)
        if self._protocol.shuffle:
            order = torch.randperm(count, device=self._device, generator=self._generator)
        answers = answers[order]
        targets = self._objective.dense_targets(answers, self._classes)
        logits = torch.empty_like(targets)
        for batch, target, kept in zip(
            order.split(size), targets.split(size), logits.split(size), strict=True
        ):
            kept.copy_(self._network.logits(images.index_select(0, batch)))
            self._network.backward(self._objective.gradient(kept, target))
            self._optimizer.step()
        return self._objective.mean_loss(logits, answers).item()

    def evaluate(self, split: Split) -> Score:
        return self._score(*self._resident(split))

    @torch.inference_mode()
    def _score(self, images: torch.Tensor, answers: torch.Tensor) -> Score:
        logits = self._logits(images)
        loss = self._objective.mean_loss(logits, answers)
        return Score(loss.item(), self._objective.mean_metric(logits, answers).item())

    @torch.inference_mode()
    def predict(self, inputs: FloatArray) -> FloatArray:
        return self._objective.outputs(self._logits(self._cropped(inputs))).cpu().numpy()

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._network.logits(part) for part in images.split(_EVALUATION_BATCH)])

    def _resident(self, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
        return self._cropped(split.inputs), tensor_of(split.targets).to(self._device)

    def _cropped(self, images: FloatArray) -> torch.Tensor:
        part = (slice(None), *(slice(size) for size in self._network.needed_size))
        return tensor_of(images).to(self._device)[part].contiguous()

    def synchronize(self) -> None:
        synchronize(self._device)

    def settings(self) -> dict[str, str | int | float | bool]:
        size = "x".join(str(size) for size in self._network.needed_size)
        return {
            **process_settings(self._device),
            "compile": "none (eager, backward pass written out)",
            "memory_format": "channels_last (NHWC)",
            "optimizer": self._optimizer.kernel,
            "loss": f"{self._objective.name}, its gradient written out",
            "data": "resident on the device, "
            + (f"first {size} pixels, " if size else "")
            + "gathered by batch",
            "loss_read": "every epoch",
        }

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        generator = torch.Generator(self._device).manual_seed(self._seed)
        order = torch.arange(self._sample_count)
        if self._protocol.shuffle:
            for _ in range(epoch):
                order = torch.randperm(self._sample_count, device=self._device, generator=generator)
        return order.cpu().numpy()

    def device_peak_memory_bytes(self) -> int | None:
        return peak_memory_bytes(self._device)
