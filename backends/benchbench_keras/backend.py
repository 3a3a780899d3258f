"""Keras on one engine, as benchbench's Backend."""

from __future__ import annotations

import dataclasses

from benchbench import (
    WORDS_OF_NOVEMBER_2026,
    WORDS_WITH_SEQUENCES,
    Backend,
    ModelSpec,
    Trainer,
    TrainingProtocol,
    Unsupported,
)
from benchbench_keras.engines import Engine, TensorFlowEngine
from benchbench_keras.idiomatic import IdiomaticTrainer
from benchbench_keras.tuned import TunedTrainer

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
