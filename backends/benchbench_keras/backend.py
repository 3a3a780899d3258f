"""Keras on one engine, as benchbench's Backend."""

from __future__ import annotations

from benchbench import (
    Backend,
    ModelSpec,
    Trainer,
    TrainingProtocol,
    Unsupported,
    Vocabulary,
)
from benchbench_keras.engines import Engine, TensorFlowEngine
from benchbench_keras.idiomatic import IdiomaticTrainer
from benchbench_keras.tuned import TunedTrainer

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
_LOSSES: dict[str, tuple[str, ...]] = {
    "CrossEntropy": ("label_smoothing",),
    "BinaryCrossEntropy": (),
    "MeanSquaredError": (),
}
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
        schedules=_SCHEDULES,
        protocol=_PROTOCOL,
        losses=_LOSSES,
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
        schedules=_SCHEDULES,
        protocol=_PROTOCOL,
        losses=_LOSSES,
    ),
}

KNOWN["compiled"] = KNOWN["idiomatic"]


class KerasBackend(Backend):
    """Keras, with the engine it was imported on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        if isinstance(engine, TensorFlowEngine):
            self.divisions = ("idiomatic", "compiled", "tuned")

    def versions(self) -> dict[str, str]:
        return self._engine.versions()

    def devices(self) -> tuple[str, ...]:
        return self._engine.devices()

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
        if division not in self.divisions:
            raise Unsupported(
                f"Keras on {self._engine.name} has the divisions {', '.join(self.divisions)}, "
                f"not '{division}'"
            )
        KNOWN[division].require(f"Keras on {self._engine.name}, {division},", model, protocol)
        self._engine.require(device)
        self._engine.prepare(device, threads)
        if division == "tuned" and isinstance(self._engine, TensorFlowEngine):
            return TunedTrainer(self._engine, model, protocol, device=device, seed=seed)
        return IdiomaticTrainer(
            self._engine,
            model,
            protocol,
            device=device,
            seed=seed,
            jit_compile=True if division == "compiled" else "auto",
        )
