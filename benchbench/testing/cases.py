"""What the suite trains: the catalog and a few odd models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from benchbench.spec.catalog import MODELS
from benchbench.spec.layers import (
    GRU,
    LSTM,
    Activation,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    LayerNorm,
    MaxPool2D,
    MultiHeadAttention,
    PositionEmbedding,
    Reshape,
    Residual,
)
from benchbench.spec.layers.activations import ActivationName
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from benchbench.spec.model import ModelSpec

CATALOG = tuple(MODELS.values())
_OF_EACH_MODEL = "of_each_model"

# Nothing here is square, even or equal where the catalog is, so no two axes can be mistaken.
ODD_MODELS = (
    ModelSpec(
        "odd-sizes",
        (11, 9, 1),
        (
            Conv2D(4, (5, 3), "relu"),
            MaxPool2D((2, 3)),
            Flatten(),
            Dense(7, "relu"),
            Dense(5),
            Dense(3, "softmax"),
        ),
    ),
    ModelSpec(
        "three-channels",
        (9, 10, 3),
        (
            Conv2D(4, (2, 3)),
            MaxPool2D((3, 2)),
            Conv2D(5, (1, 2), "relu"),
            Flatten(),
            Dense(4, "softmax"),
        ),
    ),
    ModelSpec("pool-first", (7, 6, 2), (MaxPool2D((2, 2)), Flatten(), Dense(3, "softmax"))),
)


def _of_task(name: str, outputs: int, activation: ActivationName) -> ModelSpec:
    layers = (Flatten(), Dense(5, "relu"), Dense(outputs, activation))
    return ModelSpec(name, (7, 6, 1), layers)


# Small networks of every task, each with the loss that it is trained by.
TASKS: tuple[tuple[ModelSpec, Loss], ...] = (
    (_of_task("smoothed-classes", 3, "softmax"), CrossEntropy(label_smoothing=0.1)),
    (_of_task("answers", 3, "sigmoid"), BinaryCrossEntropy()),
    (_of_task("one-answer", 1, "sigmoid"), BinaryCrossEntropy()),
    (_of_task("values", 2, "linear"), MeanSquaredError()),
    (_of_task("one-value", 1, "linear"), MeanSquaredError()),
)
each_task = pytest.mark.parametrize(
    ("model", "loss"), TASKS, ids=[model.name for model, _ in TASKS]
)

# Small networks in which every layer stands; a backend that refuses one is not asked.
WORDS = (
    ModelSpec(
        "words-of-convolutions",
        (7, 6, 2),
        (
            Conv2D(4, (3, 2), "silu", strides=(2, 1), padding="same"),
            Conv2D(8, (2, 3), "elu", padding="same", groups=4, use_bias=False),
            Conv2D(4, (2, 2), "leaky_relu", dilation=(1, 2), padding="same"),
            Concat(((MaxPool2D((3, 3), (1, 1), "same"),), (), (Conv2D(2, (1, 1), "relu6"),))),
            AvgPool2D((3, 3), (2, 2), "same"),
            Reshape((6, 10)),
            Dense(4, "gelu"),
            GlobalAvgPool1D(),
            Dense(3, "softmax"),
        ),
    ),
    ModelSpec(
        "words-of-norms",
        (6, 6, 1),
        (
            Conv2D(3, (3, 3)),
            BatchNorm(momentum=0.9),
            Activation("gelu_tanh"),
            Residual(
                (Conv2D(4, (3, 3), strides=(2, 2), padding="same"), LayerNorm()),
                (Conv2D(4, (1, 1), strides=(2, 2), use_bias=False), BatchNorm()),
            ),
            Activation("tanh"),
            AvgPool2D((2, 2), (1, 1)),
            GlobalAvgPool2D(),
            Dense(5, "sigmoid"),
            Dropout(0.25),
            Dense(3, "softmax"),
        ),
    ),
    ModelSpec("rows-of-features", (12,), (Dense(5, "relu"), Dense(3, "softmax"))),
    ModelSpec("steps", (6, 5), (Dense(4, "relu"), Flatten(), Dense(3, "softmax"))),
    ModelSpec(
        "tokens",
        (6,),
        (Embedding(7, 4), PositionEmbedding(), GlobalAvgPool1D(), Dense(3, "softmax")),
        "int32",
    ),
    # A prediction at each place.
    ModelSpec(
        "tokens-to-tokens",
        (6,),
        (Embedding(7, 4), GRU(5, return_sequences=True), Dense(7, "softmax")),
        "int32",
    ),
    ModelSpec("memories", (6, 5), (LSTM(4, return_sequences=True), LSTM(3), Dense(3, "softmax"))),
    ModelSpec(
        "attentions",
        (6, 5),
        (
            Dense(8),
            Residual((LayerNorm(), MultiHeadAttention(2, causal=True))),
            MultiHeadAttention(4),
            Flatten(),
            Dense(3, "softmax"),
        ),
    ),
)

# A matrix product and nothing else, of 256 pixels.
LONE_DENSE = ModelSpec("lone-dense", (16, 16, 1), (Flatten(), Dense(2, "softmax")))

Test = TypeVar("Test", bound=Callable[..., None])


def each_model(test: Test) -> Test:
    """Have the test run with every model of its class: `Subject.models`, or the suite's own."""
    setattr(test, _OF_EACH_MODEL, True)
    return test


def takes_each_model(test: object) -> bool:
    """Say whether a test was marked by `each_model`."""
    return bool(getattr(test, _OF_EACH_MODEL, False))


# Large weights saturate the softmax: there a clipped probability shows, and a clipped gradient.
each_scale = pytest.mark.parametrize("scale", [1, 4], ids=["fresh", "four-times"])
