"""The smallest networks of sequences in which the faults of their layers exist."""

from __future__ import annotations

from benchbench.spec.layers import (
    GRU,
    LSTM,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    LayerNorm,
    MultiHeadAttention,
    PositionEmbedding,
    Residual,
)
from benchbench.spec.model import ModelSpec

STEPS, VOCABULARY = 6, 9


def tokens(name, *layers, classes=3):
    return ModelSpec(name, (STEPS,), (*layers, Dense(classes, "softmax")), "int32")


TINY_LSTM = tokens("tiny-lstm", Embedding(VOCABULARY, 5), LSTM(4))
TINY_GRU = tokens("tiny-gru", Embedding(VOCABULARY, 5), GRU(4))
CHAR_LSTM = tokens(
    "tiny-char-lstm", Embedding(VOCABULARY, 5), LSTM(4, return_sequences=True), classes=VOCABULARY
)
CHAR_GRU = tokens(
    "tiny-char-gru", Embedding(VOCABULARY, 5), GRU(4, return_sequences=True), classes=VOCABULARY
)
TRANSFORMER = tokens(
    "tiny-transformer",
    Embedding(VOCABULARY, 8),
    PositionEmbedding(),
    Residual((LayerNorm(), MultiHeadAttention(2, causal=True))),
    Residual((LayerNorm(), Dense(12, "gelu"), Dense(8))),
    LayerNorm(),
    classes=VOCABULARY,
)
ENCODER = tokens(
    "tiny-encoder",
    Embedding(VOCABULARY, 8),
    PositionEmbedding(),
    Residual((LayerNorm(), MultiHeadAttention(2))),
    GlobalAvgPool1D(),
)
FLAT = tokens("tiny-flat", Embedding(VOCABULARY, 5), Flatten())
SEQUENCE_MODELS = (TINY_LSTM, TINY_GRU, CHAR_LSTM, CHAR_GRU, TRANSFORMER, ENCODER, FLAT)


def has(kind, **fields):
    """Return what says whether a model has a layer of this kind, with these fields."""

    def applies(model):
        layers = [leaf.layer for leaf in model.leaves()]
        return any(
            isinstance(layer, kind)
            and all(getattr(layer, name) == value for name, value in fields.items())
            for layer in layers
        )

    return applies
