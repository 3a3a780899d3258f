"""Small networks of sequences, and what it takes to train them beside the reference.

No two sizes of a network are equal, so no two axes can be mistaken for each other.
"""

from __future__ import annotations

import numpy as np

from benchbench import (
    GRU,
    LSTM,
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Concat,
    Conv2D,
    CrossEntropy,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    LayerNorm,
    MeanSquaredError,
    ModelSpec,
    MultiHeadAttention,
    PositionEmbedding,
    Reshape,
    Residual,
    RMSprop,
    Split,
    Trainer,
    TrainingProtocol,
    task_of,
)
from benchbench.plugins.registry import load_registry
from benchbench.testing.observer import RecordingObserver


def _block(heads: int, width: int, *, causal: bool) -> tuple:
    """A transformer's block over `width` features, normalised before each part."""
    return (
        Residual((LayerNorm(epsilon=1e-3), MultiHeadAttention(heads, causal))),
        Residual((LayerNorm(epsilon=1e-3), Dense(2 * width, "gelu"), Dense(width))),
    )


def _tokens(name: str, *layers, steps: int = 5, vocabulary: int = 7, features: int = 6):
    first = Embedding(vocabulary, features)
    return ModelSpec(name, (steps,), (first, *layers), input_type="int32")


def _values(name: str, *layers, shape=(5, 6)) -> ModelSpec:
    return ModelSpec(name, shape, (*layers, Dense(3, "softmax")))


LAYERS = (
    _tokens("embedding", Flatten(), Dense(3, "softmax")),
    _tokens("one-token", Flatten(), Dense(3, "softmax"), vocabulary=1),
    _values("positions", PositionEmbedding(), Dense(4, "tanh"), Flatten()),
    _values("attention", MultiHeadAttention(2), Flatten()),
    _values("attention-of-one-head", MultiHeadAttention(1), Flatten()),
    _values("attention-of-single-features", MultiHeadAttention(6, causal=True), Flatten()),
    _values("causal-attention", MultiHeadAttention(3, causal=True), Flatten()),
    _values("lstm", LSTM(4)),
    _values("lstm-of-all-steps", LSTM(4, return_sequences=True), Flatten()),
    _values("lstm-as-wide-as-its-input", LSTM(6)),
    _values("gru", GRU(4)),
    _values("gru-of-all-steps", GRU(4, return_sequences=True), Flatten()),
    _values("one-step", LSTM(2, return_sequences=True), GRU(3), shape=(1, 4)),
    _values("one-unit", GRU(1, return_sequences=True), LSTM(1), shape=(4, 1)),
)
CHAR_GRU = _tokens("char-gru", GRU(8, return_sequences=True), Dense(7, "softmax"))
LSTM_CLASSIFIER = _tokens("lstm-classifier", LSTM(8), Dense(3, "softmax"))
CAUSAL_TRANSFORMER = _tokens(
    "causal-transformer",
    PositionEmbedding(),
    *_block(2, 6, causal=True),
    *_block(3, 6, causal=True),
    LayerNorm(epsilon=1e-3),
    Dense(7, "softmax"),
)
VIT = ModelSpec(
    "vit",
    (8, 12, 2),
    (
        Conv2D(6, (4, 4), strides=(4, 4)),
        Reshape((6, 6)),
        PositionEmbedding(),
        *_block(2, 6, causal=False),
        LayerNorm(epsilon=1e-3),
        GlobalAvgPool1D(),
        Dense(3, "softmax"),
    ),
)
# What else may stand beside them: branches, statistics, values at every step.
MIXED = ModelSpec(
    "mixed",
    (6, 4),
    (
        Concat(((LSTM(3, return_sequences=True),), (GRU(2, return_sequences=True),), ())),
        BatchNorm(momentum=0.8, epsilon=0.1),
        Residual((MultiHeadAttention(3, causal=True), Dropout(0.0)), (Dense(9),)),
        GRU(4, return_sequences=True),
        Dense(2),
    ),
)
# All layers in a row, for what is slow to compile.
ALL_LAYERS = _tokens(
    "all-layers",
    PositionEmbedding(),
    MultiHeadAttention(2, causal=True),
    LSTM(4, return_sequences=True),
    GRU(3, return_sequences=True),
    Dense(7, "softmax"),
)
NETWORKS = (CHAR_GRU, LSTM_CLASSIFIER, CAUSAL_TRANSFORMER, VIT, MIXED)

OPTIMIZERS = {
    "adam": (Adam(), None),
    "momentum": (SGD(0.01, momentum=0.9), None),
    "rmsprop": (RMSprop(), None),
    "adamw": (AdamW(weight_decay=0.05), 0.5),
}


def protocol(model: ModelSpec, words: str = "momentum") -> TrainingProtocol:
    """Return a protocol of four samples a batch."""
    optimizer, clip_norm = OPTIMIZERS[words]
    loss = CrossEntropy() if model.output_activation == "softmax" else MeanSquaredError()
    return TrainingProtocol(
        epochs=2,
        batch_size=4,
        shuffle=False,
        optimizer=optimizer,
        loss=loss,
        clip_norm=clip_norm,
    )


def samples(model: ModelSpec, count: int = 10) -> Split:
    """Draw samples; tokens occur several times in each of them."""
    random = np.random.default_rng(0)
    shape = (count, *model.input_shape)
    if model.vocabulary:
        inputs = random.integers(0, model.vocabulary, shape).astype(np.int32)
    else:
        inputs = random.normal(size=shape).astype(np.float32)
    task = task_of(model, protocol(model))
    if task.classes:
        targets = random.integers(0, task.classes, (count, *task.target_shape))
    else:
        targets = random.normal(size=(count, *task.target_shape)).astype(np.float32)
    inputs.flags.writeable = targets.flags.writeable = False
    return Split(inputs, targets)


def first_values(model: ModelSpec) -> list[np.ndarray]:
    """Draw variables none of which is zero, so that each matters."""
    random = np.random.default_rng(1)
    arrays = []
    for variable in model.variables:
        positive = variable.role in {"moving_variance", "gamma"}
        values = random.normal(size=variable.shape) / 3 + (1.5 if positive else 0)
        arrays.append(values.astype(np.float32))
    return arrays


def make_trainer(backend: str, division: str, model: ModelSpec, words: str = "momentum") -> Trainer:
    created = load_registry().backend(backend).create()
    return created.trainer(
        model, protocol(model, words), device="cpu", division=division, threads=1, seed=0
    )


def assert_trains_as_numpy(
    backend: str, division: str, model: ModelSpec, words: str, *, count: int = 10
) -> None:
    """Six steps, two of them short: each variable's update, loss, score and outputs agree."""
    start, split = first_values(model), samples(model, count)
    answers = []
    for name, chosen in (("numpy-float64", "idiomatic"), (backend, division)):
        trainer = make_trainer(name, chosen, model, words)
        trainer.set_variables(start)
        before = trainer.predict(split.inputs)
        observer = RecordingObserver()
        trainer.fit(split, split, observer)
        answers.append((trainer.variables(), observer, before, trainer.predict(split.inputs)))
    (expected, heard, *outputs), (observed, told, *predicted) = answers
    for output, other in zip(outputs, predicted, strict=True):
        np.testing.assert_allclose(other, output, rtol=1e-4, atol=1e-5)
    for variable, first, one, other in zip(model.variables, start, expected, observed, strict=True):
        if variable.role == "key_bias":
            continue  # its gradient is zero: rounding alone moves it
        apart = np.linalg.norm((other - one).ravel())
        assert apart <= 1e-3 * np.linalg.norm((one - first).ravel()) + 1e-6, variable.name
    np.testing.assert_allclose(told.losses, heard.losses, rtol=1e-4)
    np.testing.assert_allclose(
        [score.loss for score in told.scores], [score.loss for score in heard.scores], rtol=1e-4
    )
    np.testing.assert_allclose(told.scores[-1].metric, heard.scores[-1].metric, rtol=1e-4)
