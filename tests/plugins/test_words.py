"""What a backend says that it knows, and what it refuses."""

from __future__ import annotations

import dataclasses

import pytest

import benchbench as bb
from benchbench.plugins.vocabulary import (
    WORDS_OF_NOVEMBER_2026,
    WORDS_WITH_SEQUENCES,
    Vocabulary,
)
from benchbench.spec.catalog import MODELS, MORE_MODELS

PLAIN = Vocabulary(
    layers={"Flatten": (), "Dense": ("units", "activation")}, optimizers={"Adam": ()}
)
PROTOCOL = bb.TrainingProtocol()


def unknown(words, model):
    """Return the sentence on what the words lack for a model; empty where they lack nothing."""
    try:
        words.require("x", model, PROTOCOL)
    except bb.Unsupported as error:
        return str(error)
    return ""


def test_the_activation_of_the_output_layer_is_the_losss_alone():
    """One object may stand in two places; only the last of the model is the output layer."""
    dense = bb.Dense(3, "sigmoid")
    losses = {"BinaryCrossEntropy": ()}
    known = dataclasses.replace(PLAIN, losses=losses)
    assert unknown(known, bb.ModelSpec("once", (2, 2, 1), (bb.Flatten(), dense))) == ""
    twice = bb.ModelSpec("twice", (2, 2, 1), (bb.Flatten(), dense, dense))
    with pytest.raises(bb.Unsupported, match="the activation 'sigmoid'"):
        known.require("x", twice, PROTOCOL)


def test_what_stands_in_a_branch_is_refused_too():
    branch = bb.Residual((bb.Dense(4, "relu"), bb.Dense(4, "gelu")))
    model = bb.ModelSpec("deep", (2, 2, 1), (bb.Flatten(), branch, bb.Dense(3, "softmax")))
    known = dataclasses.replace(PLAIN, layers=PLAIN.layers | {"Residual": ("layers",)})
    with pytest.raises(bb.Unsupported, match=r"x does not know the activation 'gelu' \(it has"):
        known.require("x", model, PROTOCOL)


@pytest.mark.parametrize("name", [*MODELS, *MORE_MODELS])
def test_the_words_are_those_of_the_catalog(name):
    model = MODELS.get(name) or MORE_MODELS[name]
    sequences = name in {"vit-mini", "char-gru", "char-transformer"}
    assert unknown(WORDS_WITH_SEQUENCES, model) == ""
    assert (unknown(WORDS_OF_NOVEMBER_2026, model) == "") is not sequences


def test_the_words_of_november_2026_never_grow():
    """A younger word has its own list: a backend is not taught by a line in the core."""
    counts = {
        name: sum(1 + len(fields) for fields in getattr(WORDS_OF_NOVEMBER_2026, name).values())
        for name in ("layers", "losses", "optimizers", "schedules")
    }
    assert counts == {"layers": 40, "losses": 4, "optimizers": 22, "schedules": 18}
    assert len(WORDS_OF_NOVEMBER_2026.activations) == 11
    assert len(WORDS_OF_NOVEMBER_2026.protocol) == 6


def test_the_words_of_sequences_came_later():
    model = bb.ModelSpec(
        "text", (6,), (bb.Embedding(11, 4), bb.LSTM(3), bb.Dense(2, "softmax")), "int32"
    )
    assert unknown(WORDS_WITH_SEQUENCES, model) == ""
    for word in ("the field 'input_type' of a model", "the layer Embedding", "the layer LSTM"):
        assert word in unknown(WORDS_OF_NOVEMBER_2026, model)


def test_a_type_of_inputs_that_is_not_known_is_refused():
    layers = (bb.Embedding(11, 4), bb.LSTM(3), bb.Dense(2, "softmax"))
    model = bb.ModelSpec("text", (6,), layers, "int32")
    known = dataclasses.replace(WORDS_WITH_SEQUENCES, input_types=("float32",))
    with pytest.raises(bb.Unsupported, match=r"inputs of the type 'int32' \(it has float32\)"):
        known.require("x", model, PROTOCOL)
