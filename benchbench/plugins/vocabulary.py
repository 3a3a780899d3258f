"""What a backend knows of the spec, as data; what it does not know, it refuses.

A spec grows, and a backend that has not been taught a new layer, field or optimizer must not train
something else in its place. So a backend states what it knows, and `Vocabulary.require` refuses the
rest: an unknown kind always, an unknown field where it is away from its default.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from benchbench.errors import Unsupported
from benchbench.spec.identity import field_default
from benchbench.spec.layers import Layer, chains_of
from benchbench.spec.losses import DEFAULT_LOSSES
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The kinds that a backend knows, by their names in a spec file, each with its fields.

    `layers`, `optimizers`, `schedules` (of the learning rate) and `losses` map a kind's name
    ("Dense", "Adam") to the fields that the backend reads; `activations` are the values of the
    fields `activation` and `function`, but for the output layer's, which belongs to the loss;
    `model` and `protocol` are the fields of these two. `input_types` are those that it takes.
    """

    layers: Mapping[str, tuple[str, ...]]
    optimizers: Mapping[str, tuple[str, ...]]
    schedules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    losses: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"CrossEntropy": ()})
    activations: tuple[str, ...] = ("linear", "relu", "softmax")
    model: tuple[str, ...] = ("name", "input_shape", "layers")
    input_types: tuple[str, ...] = ("float32",)
    protocol: tuple[str, ...] = ("epochs", "batch_size", "shuffle", "optimizer", "loss")

    def require(self, backend: str, model: ModelSpec, protocol: TrainingProtocol) -> None:
        """Raise Unsupported, naming the backend and all that it does not know of these two."""
        unknown = list(dict.fromkeys(self._unknown(model, protocol)))
        if unknown:
            raise Unsupported(f"{backend} does not know {'; '.join(unknown)}")

    def _unknown(self, model: ModelSpec, protocol: TrainingProtocol) -> Iterator[str]:
        yield from _fields(model, self.model, "of a model")
        if "input_type" in self.model and model.input_type not in self.input_types:
            yield f"inputs of the type '{model.input_type}' (it has {', '.join(self.input_types)})"
        yield from self._of_layers(model.layers, output=len(model.layers) - 1)
        yield from _fields(protocol, self.protocol, "of a protocol")
        yield from self._of_kind(protocol.optimizer, "optimizer", self.optimizers)
        if isinstance(protocol.optimizer.learning_rate, msgspec.Struct):
            yield from self._of_kind(protocol.optimizer.learning_rate, "schedule", self.schedules)
        loss = protocol.loss or DEFAULT_LOSSES.get(model.output_activation)
        if loss is not None:
            yield from self._of_kind(loss, "loss", self.losses)

    def _of_layers(self, layers: Iterable[Layer], output: int | None = None) -> Iterator[str]:
        for place, layer in enumerate(layers):
            yield from self._of_kind(layer, "layer", self.layers)
            for name in ("activation", "function"):
                activation = getattr(layer, name, None)
                of_loss = place == output and activation in DEFAULT_LOSSES
                if not (activation is None or of_loss or activation in self.activations):
                    yield f"the activation '{activation}' (it has {', '.join(self.activations)})"
            for _, chain in chains_of(layer):
                yield from self._of_layers(chain)

    def _of_kind(
        self, struct: msgspec.Struct, noun: str, kinds: Mapping[str, tuple[str, ...]]
    ) -> Iterator[str]:
        kind = str(struct.__struct_config__.tag or type(struct).__name__)
        if kind not in kinds:
            yield f"the {noun} {kind} (it has {', '.join(kinds) or 'none'})"
        else:
            yield from _fields(struct, kinds[kind], f"of {kind}")


def _fields(struct: msgspec.Struct, known: tuple[str, ...], owner: str) -> Iterator[str]:
    """Yield the fields away from their defaults that are not known."""
    for name, default in _defaults(type(struct)):
        value = getattr(struct, name)
        if name not in known and value != default:
            yield f"the field '{name}' {owner}, which is {value!r} here"


@functools.cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    return tuple((one.name, field_default(one)) for one in msgspec.structs.fields(kind))


_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon", "epsilon_added_to")
_WARMUP = ("warmup_steps", "warmup_from")

# All that the spec could say in November 2026. It never changes: a word that is younger is not in
# it, so a backend that knows these words refuses that one until it is taught it.
WORDS_OF_NOVEMBER_2026 = Vocabulary(
    layers={
        "Flatten": (),
        "Reshape": ("shape",),
        "Activation": ("function",),
        "Dense": ("units", "activation", "use_bias"),
        "Conv2D": (
            *("filters", "kernel_size", "activation", "strides", "padding", "groups", "dilation"),
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
        *("linear", "relu", "relu6", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "tanh"),
        *("sigmoid", "softmax"),
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

# The layers of sequences, and the tokens that they begin with, came after those.
WORDS_WITH_SEQUENCES = dataclasses.replace(
    WORDS_OF_NOVEMBER_2026,
    layers={
        **WORDS_OF_NOVEMBER_2026.layers,
        "Embedding": ("vocabulary", "features"),
        "PositionEmbedding": (),
        "MultiHeadAttention": ("heads", "causal"),
        "LSTM": ("units", "return_sequences"),
        "GRU": ("units", "return_sequences"),
    },
    model=(*WORDS_OF_NOVEMBER_2026.model, "input_type"),
    input_types=("float32", "int32"),
)
