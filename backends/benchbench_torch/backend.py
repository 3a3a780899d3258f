"""The backend: what torch offers here, a trainer a division, and the process set up for it."""

from __future__ import annotations

import contextlib
import dataclasses

import torch

from benchbench import (
    WORDS_OF_NOVEMBER_2026,
    WORDS_WITH_SEQUENCES,
    Backend,
    ModelSpec,
    Trainer,
    TrainingProtocol,
    Unsupported,
)
from benchbench_torch.compiled import CompiledTrainer
from benchbench_torch.idiomatic import IdiomaticTrainer
from benchbench_torch.tuned import TunedTrainer

# What each division has been taught; what is not here it refuses.
_TUNED = dataclasses.replace(
    WORDS_OF_NOVEMBER_2026,
    layers={
        "Flatten": (),
        "Dense": ("units", "activation"),
        "Conv2D": ("filters", "kernel_size", "activation"),
        "MaxPool2D": ("pool_size",),
    },
    activations=("linear", "relu"),
)
KNOWN = {
    "idiomatic": WORDS_WITH_SEQUENCES,
    "compiled": WORDS_WITH_SEQUENCES,
    "tuned": _TUNED,
}

_TRAINERS: dict[str, type[IdiomaticTrainer] | type[TunedTrainer]] = {
    "idiomatic": IdiomaticTrainer,
    "compiled": CompiledTrainer,
    "tuned": TunedTrainer,
}


class TorchBackend(Backend):
    """PyTorch, imported."""

    divisions = tuple(_TRAINERS)

    def versions(self) -> dict[str, str]:
        versions = {"torch": torch.__version__}
        if torch.version.cuda:
            versions["cuda"] = torch.version.cuda
        return versions

    def devices(self) -> tuple[str, ...]:
        """Return "cpu" and every CUDA device. Apple's "mps" is left out: nobody has verified it."""
        return "cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))

    def trainer(
        self,
        model: ModelSpec,
        protocol: TrainingProtocol,
        *,
        device: str,
        division: str,
        threads: int,
        seed: int,
    ) -> Trainer:
        if division not in _TRAINERS:
            raise Unsupported(
                f"torch has the divisions {', '.join(_TRAINERS)}, but '{division}' was asked for"
            )
        KNOWN[division].require(f"torch {division}", model, protocol)
        place = self._device(device)
        _set_up_process(threads, flush_denormal=division == "tuned")
        return _TRAINERS[division](model, protocol, device=place, seed=seed)

    def _device(self, name: str) -> torch.device:
        """Return the device of this name; "cuda" is the first one. Raises Unsupported."""
        known = self.devices()
        index = "cuda:0" if name == "cuda" else name
        if index not in known:
            raise Unsupported(
                f"torch {torch.__version__} has no device '{name}' here, only {', '.join(known)}"
                + ("" if torch.version.cuda else " (this build of torch is without CUDA)")
            )
        return torch.device(index)


def _set_up_process(threads: int, *, flush_denormal: bool) -> None:
    """Fix what torch keeps per process: threads, and float32 arithmetic without shortcuts.

    On NVIDIA cards cuDNN's convolutions would use TF32 by default, which rounds inputs to 10 bits.
    """
    # Threads inherit the flag from the one that starts them: it comes before the first of them.
    torch.set_flush_denormal(flush_denormal)
    torch.set_num_threads(threads)
    # Once any operator has run in parallel, torch refuses; it is the default of a fresh process
    # that is worth changing, and a benchmark's worker is one.
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    torch.backends.fp32_precision = "ieee"
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"
