"""The backend: what JAX offers here, a trainer a division, and the process set up for it."""

from __future__ import annotations

import flax
import jax
import jaxlib
import optax

from benchbench import (
    WORDS_WITH_SEQUENCES,
    Backend,
    ModelSpec,
    Trainer,
    TrainingProtocol,
    Unsupported,
)
from benchbench_jax.device import device_named, device_names, set_up_process
from benchbench_jax.idiomatic import IdiomaticTrainer
from benchbench_jax.tuned import TunedTrainer

_TRAINERS: dict[str, type[IdiomaticTrainer] | type[TunedTrainer]] = {
    "idiomatic": IdiomaticTrainer,
    "tuned": TunedTrainer,
}


class JaxBackend(Backend):
    """JAX with Flax NNX and optax, imported."""

    divisions = tuple(_TRAINERS)

    def versions(self) -> dict[str, str]:
        return {
            "jax": jax.__version__,
            "jaxlib": jaxlib.__version__,
            "flax": flax.__version__,
            "optax": optax.__version__,
        }

    def devices(self) -> tuple[str, ...]:
        return device_names()

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
                f"jax has the divisions {', '.join(_TRAINERS)}, but '{division}' was asked for"
            )
        WORDS_WITH_SEQUENCES.require(f"jax {division}", model, protocol)
        place = device_named(device)
        set_up_process()
        return _TRAINERS[division](model, protocol, device=place, seed=seed)
