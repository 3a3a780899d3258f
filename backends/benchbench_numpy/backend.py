"""What this backend is and does: NumPy, on the host's CPU, in one dtype."""

from __future__ import annotations

import numpy as np
import threadpoolctl

from benchbench import Backend, ModelSpec, TrainingProtocol, Unsupported, Vocabulary
from benchbench_numpy.trainer import NumpyTrainer

_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon", "epsilon_added_to")
_WARMUP = ("warmup_steps", "warmup_from")
# What this backend has been taught; what is not here it refuses.
KNOWN = Vocabulary(
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
    losses={
        "CrossEntropy": ("label_smoothing",),
        "BinaryCrossEntropy": (),
        "MeanSquaredError": (),
    },
    optimizers={
        "SGD": ("learning_rate", "momentum", "nesterov", "weight_decay"),
        "Adam": _ADAM,
        "AdamW": (*_ADAM, "weight_decay"),
        "RMSprop": ("learning_rate", "rho", "epsilon"),
    },
    schedules={
        "Cosine": ("learning_rate", "decay_steps", "alpha", *_WARMUP),
        "Exponential": ("learning_rate", "decay_steps", "decay_rate", "staircase", *_WARMUP),
        "Piecewise": ("boundaries", "values", *_WARMUP),
    },
    protocol=("epochs", "batch_size", "shuffle", "optimizer", "loss", "clip_norm"),
)


class NumpyBackend(Backend):
    """NumPy in `dtype`, "float32" or "float64"; nothing else differs between the two."""

    divisions = ("idiomatic",)

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype)

    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__, "threadpoolctl": threadpoolctl.__version__}

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def trainer(
        self,
        model: ModelSpec,
        protocol: TrainingProtocol,
        *,
        device: str,
        division: str,
        threads: int,
        seed: int,
    ) -> NumpyTrainer:
        if device != "cpu":
            raise Unsupported(f"NumPy computes on the device 'cpu' only, not on '{device}'")
        if division not in self.divisions:
            raise Unsupported(f"NumPy has the division 'idiomatic' only, not '{division}'")
        KNOWN.require("NumPy", model, protocol)
        return NumpyTrainer(model, protocol, dtype=self._dtype, threads=threads, seed=seed)
