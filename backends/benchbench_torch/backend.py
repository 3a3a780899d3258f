"""The backend: what torch offers here, a trainer a division, and the process set up for it."""

from __future__ import annotations

import contextlib

import torch

from benchbench import (
    Backend,
    ModelSpec,
    Trainer,
    TrainingProtocol,
    Unsupported,
    Vocabulary,
)
from benchbench_torch.compiled import CompiledTrainer
from benchbench_torch.idiomatic import IdiomaticTrainer
from benchbench_torch.tuned import TunedTrainer

# What each division has been taught; what is not here it refuses.
_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon", "epsilon_added_to")
_WARMUP = ("warmup_steps", "warmup_from")
_OPTIMIZERS = {
    "SGD": ("learning_rate", "momentum", "nesterov", "weight_decay"),
    "Adam": _ADAM,
    "AdamW": (*_ADAM, "weight_decay"),
    "RMSprop": ("learning_rate", "rho", "epsilon"),
}
_SCHEDULES = {
    "Cosine": ("learning_rate", "decay_steps", "alpha", *_WARMUP),
    "Exponential": ("learning_rate", "decay_steps", "decay_rate", "staircase", *_WARMUP),
    "Piecewise": ("boundaries", "values", *_WARMUP),
}
_LOSSES = {"CrossEntropy": ("label_smoothing",), "BinaryCrossEntropy": (), "MeanSquaredError": ()}
_PROTOCOL = ("epochs", "batch_size", "shuffle", "optimizer", "loss", "clip_norm")
KNOWN = {
    "idiomatic": Vocabulary(
        layers={
            "Flatten": (),
            "Reshape": ("shape",),
            "Activation": ("function",),
            "Dense": ("units", "activation", "use_bias"),
            "Conv2D": (
                "filters",
                "kernel_size",
                "activation",
                "strides",
                "padding",
                "groups",
                "dilation",
                "use_bias",
            ),
            "MaxPool2D": ("pool_size", "strides", "padding"),
            "AvgPool2D": ("pool_size", "strides", "padding"),
            "GlobalAvgPool2D": (),
            "GlobalAvgPool1D": (),
            "BatchNorm": ("momentum", "epsilon"),
            "LayerNorm": ("epsilon",),
            "Dropout": ("rate",),
            "Residual": ("layers", "shortcut"),
            "Concat": ("branches",),
        },
        optimizers=_OPTIMIZERS,
        losses=_LOSSES,
        schedules=_SCHEDULES,
        protocol=_PROTOCOL,
        activations=(
            "linear",
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "gelu",
            "gelu_tanh",
            "silu",
            "tanh",
            "sigmoid",
            "softmax",
        ),
    ),
    "tuned": Vocabulary(
        layers={
            "Flatten": (),
            "Dense": ("units", "activation"),
            "Conv2D": ("filters", "kernel_size", "activation"),
            "MaxPool2D": ("pool_size",),
        },
        optimizers=_OPTIMIZERS,
        losses=_LOSSES,
        schedules=_SCHEDULES,
        protocol=_PROTOCOL,
    ),
}

KNOWN["compiled"] = KNOWN["idiomatic"]

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
