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

_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon", "epsilon_added_to")
_WARMUP = ("warmup_steps", "warmup_from")
# What both divisions have been taught; what is not here they refuse.
KNOWN = Vocabulary(
    layers={
        "Flatten": (),
        "Dense": ("units", "activation"),
        "Conv2D": ("filters", "kernel_size", "activation"),
        "MaxPool2D": ("pool_size",),
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
    losses={
        "CrossEntropy": ("label_smoothing",),
        "BinaryCrossEntropy": (),
        "MeanSquaredError": (),
    },
)


class KerasBackend(Backend):
    """Keras, with the engine it was imported on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        if isinstance(engine, TensorFlowEngine):
            self.divisions = ("idiomatic", "tuned")

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
        KNOWN.require(f"Keras on {self._engine.name}, {division},", model, protocol)
        self._engine.require(device)
        self._engine.prepare(device, threads)
        if division == "tuned" and isinstance(self._engine, TensorFlowEngine):
            return TunedTrainer(self._engine, model, protocol, device=device, seed=seed)
        return IdiomaticTrainer(self._engine, model, protocol, device=device, seed=seed)
