"""The backend: what JAX offers here, a trainer a division, and the process set up for it."""

from __future__ import annotations

import flax
import jax
import jaxlib
import optax

from benchbench import Backend, ModelSpec, Trainer, TrainingProtocol, Unsupported, Vocabulary
from benchbench_jax.device import device_named, device_names, set_up_process
from benchbench_jax.functions import ACTIVATIONS
from benchbench_jax.idiomatic import IdiomaticTrainer
from benchbench_jax.tuned import TunedTrainer

_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon", "epsilon_added_to")
_WARMUP = ("warmup_steps", "warmup_from")
_POOL = ("pool_size", "strides", "padding")

# What both divisions have been taught; what is not here they refuse.
KNOWN = Vocabulary(
    layers={
        "Flatten": (),
        "Dense": ("units", "activation", "use_bias"),
        "Conv2D": (
            *("filters", "kernel_size", "activation", "strides", "padding", "groups", "dilation"),
            "use_bias",
        ),
        "MaxPool2D": _POOL,
        "AvgPool2D": _POOL,
        "GlobalAvgPool2D": (),
        "GlobalAvgPool1D": (),
        "Reshape": ("shape",),
        "Activation": ("function",),
        "BatchNorm": ("momentum", "epsilon"),
        "LayerNorm": ("epsilon",),
        "Dropout": ("rate",),
        "Residual": ("layers", "shortcut"),
        "Concat": ("branches",),
    },
    activations=tuple(ACTIVATIONS),
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
        KNOWN.require(f"jax {division}", model, protocol)
        place = device_named(device)
        set_up_process()
        return _TRAINERS[division](model, protocol, device=place, seed=seed)
