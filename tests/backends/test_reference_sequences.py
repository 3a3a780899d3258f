"""The reference's layers of sequences: by their definitions, and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from backends.definitions import forward_by_definition
from backends.derivatives import SAMPLES, assert_close, central_differences, network_of
from benchbench_numpy.loss import cross_entropies

from benchbench.spec.layers import (
    GRU,
    LSTM,
    BatchNorm,
    Concat,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    LayerNorm,
    MultiHeadAttention,
    PositionEmbedding,
    Reshape,
    Residual,
)
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of

STEPS, VOCABULARY = 5, 4
TOKENS = Embedding(VOCABULARY, 6)
BLOCK = (
    PositionEmbedding(),
    Residual((LayerNorm(), MultiHeadAttention(3, causal=True))),
    Residual((LayerNorm(), Dense(7, "gelu"), Dense(6))),
)

# Networks of values (5, 4), but for those that begin with tokens (5,).
NETWORKS = {
    "embedding": (TOKENS, Flatten()),
    "one token": (Embedding(1, 3), GlobalAvgPool1D()),
    "places": (TOKENS, PositionEmbedding(), GlobalAvgPool1D()),
    "places of values": (PositionEmbedding(), Dense(3, "tanh"), Flatten()),
    "attention of one head": (MultiHeadAttention(1), Flatten()),
    "attention": (Dense(6), MultiHeadAttention(3), Flatten()),
    "causal attention": (Dense(6), MultiHeadAttention(2, causal=True), Flatten()),
    "heads of one feature": (MultiHeadAttention(4, causal=True), GlobalAvgPool1D()),
    "two attentions": (MultiHeadAttention(2), MultiHeadAttention(4, causal=True), Flatten()),
    "lstm": (LSTM(3),),
    "lstm of every step": (LSTM(3, return_sequences=True), Flatten()),
    "lstm of one unit": (TOKENS, LSTM(1)),
    "gru": (GRU(3),),
    "gru of every step": (GRU(3, return_sequences=True), Flatten()),
    "gru of one unit": (TOKENS, GRU(1)),
    "lstm over gru": (TOKENS, GRU(4, return_sequences=True), LSTM(3)),
    "gru over lstm": (LSTM(4, return_sequences=True), BatchNorm(), GRU(3)),
    "side by side": (
        TOKENS,
        Concat(
            (
                (LSTM(2, return_sequences=True),),
                (GRU(3, return_sequences=True), Dense(2, "relu")),
                (),
            )
        ),
        MultiHeadAttention(2),
        GlobalAvgPool1D(),
    ),
    "residual of a gru": (
        TOKENS,
        Residual((GRU(6, return_sequences=True),), (Dense(6, use_bias=False),)),
        LSTM(2),
    ),
    "steps laid out anew": (TOKENS, Reshape((10, 3)), GRU(2)),
    "block": (TOKENS, *BLOCK, LayerNorm(), Flatten()),
    # A prediction at every place.
    "char transformer": (TOKENS, *BLOCK, LayerNorm()),
    "char gru": (TOKENS, GRU(4, return_sequences=True)),
    "char lstm": (TOKENS, LSTM(4, return_sequences=True)),
    "tagger": (MultiHeadAttention(2),),
}


def _setting(name, random):
    """Return a network of random weights, its model, inputs and targets."""
    layers = (*NETWORKS[name], Dense(3, "softmax"))
    if isinstance(layers[0], Embedding):
        model = ModelSpec("tokens", (STEPS,), layers, "int32")
        # Of so few tokens some stand at several places of a sample, and of a batch.
        inputs = random.integers(0, model.vocabulary, (SAMPLES, STEPS), np.int32)
    else:
        model = ModelSpec("values", (STEPS, 4), layers)
        inputs = random.normal(size=(SAMPLES, STEPS, 4))
    shape = task_of(model, TrainingProtocol()).target_shape
    return network_of(model, random), model, inputs, random.integers(0, 3, (SAMPLES, *shape))


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_computes_what_its_spec_says(name):
    network, model, inputs, _ = _setting(name, np.random.default_rng(0))
    arrays = {
        spec.name: array for spec, array in zip(model.variables, network.variables, strict=True)
    }
    expected = [forward_by_definition(model.trace(), arrays, sample) for sample in inputs]
    np.testing.assert_allclose(network.forward(inputs), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_derives_its_loss(name, seed):
    random = np.random.default_rng(seed)
    network, _, inputs, labels = _setting(name, random)
    network.set_training(True)

    def loss():
        return float(cross_entropies(network.forward(inputs), labels).mean())

    network.backward(network.forward(inputs), labels)
    assert_close(network.gradient.copy(), central_differences(loss, network.parameters), 1e-7)


def test_a_short_batch_after_a_whole_one():
    """No layer keeps anything of the batch before."""
    network, _, inputs, labels = _setting("side by side", np.random.default_rng(0))
    network.set_training(True)
    network.backward(network.forward(inputs[:1]), labels[:1])
    alone = network.gradient.copy()
    network.backward(network.forward(inputs), labels)
    network.backward(network.forward(inputs[:1]), labels[:1])
    np.testing.assert_array_equal(network.gradient, alone)


def test_the_gradient_of_a_token_is_the_sum_over_its_places():
    from benchbench_numpy.layers import Embedding as Layer

    gradient = np.full((4, 2), np.nan)
    layer = Layer(np.arange(8.0).reshape(4, 2), gradient)
    tokens = np.array([[3, 1, 3], [3, 3, 0]], np.int32)
    assert layer.forward(tokens)[1].tolist() == [[6, 7], [6, 7], [0, 1]]
    layer.backward_parameters(np.arange(12.0).reshape(2, 3, 2))
    # Token 3 stands at the places 0, 2, 3 and 4, token 2 at none.
    assert gradient.tolist() == [[10, 11], [2, 3], [0, 0], [0 + 4 + 6 + 8, 1 + 5 + 7 + 9]]


def test_large_likenesses_overflow_nothing():
    from benchbench_numpy.layers import Attention

    weights = np.zeros((12, 2), np.float32)
    weights[0:2] = weights[3:5] = 1e3 * np.eye(2)
    weights[6:8] = weights[9:11] = np.eye(2)
    attention = Attention(weights, np.zeros_like(weights), heads=1, causal=True)
    x = np.array([[[1, 0], [0, 1], [1, 0]]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        y = attention.forward(x)
        attention.backward_parameters(np.ones_like(x))
    # Each place sees those like it alone.
    np.testing.assert_allclose(y, x)
