"""Faults of layers of sequences: caught where they belong, and named; right ones hold."""

from __future__ import annotations

import pytest
from benchbench_numpy.backend import NumpyBackend
from faulty.scoring import catch, sides
from faulty.sequence_models import SEQUENCE_MODELS, TINY_GRU, TRANSFORMER
from faulty.sequences import FAULTS

import benchbench as bb
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.causality import is_causal
from benchbench.certify.exercise import TEN_STEPS, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import Reference

# What must be told of each fault, where it is caught in the smallest model.
WORDS = {
    "gates i, f, o, g": "the LSTM lie in the order i, f, o, g; the spec's is i, f, g, o",
    "gates i, g, f, o": "in the order i, g, f, o, which is TensorFlow 1's order",
    "gates i, o, f, g": "in the order i, o, f, g, which is ONNX's order",
    "forget bias added": "1 is added to the forget gate as it runs",
    "forget bias missing": "the forget gate is without the 1 that is in its bias",
    "no forget gate": "another function is computed",
    "stateful": "loss",
    "first step of LSTM": "the LSTM gives its first step, not its last",
    "LSTM over the batch": "the LSTM runs over the samples of the batch",
    "LSTM from the end": "the LSTM begins with the last step",
    "LSTM cut off": "the update is off by",
    "LSTM detached": "no derivative passes from step to step of the LSTM",
    "GRU detached": "no derivative passes from step to step of the GRU",
    "both biases trained": "moves twice as far, and all else as it should",
    "gates r, z, n": "the GRU lie in the order r, z, n, which is torch's order",
    "reset before": "the GRU's reset gate acts before the product",
    "z swapped": "the GRU's z and 1 - z are swapped",
    "one bias for two": "the GRU has one bias for two",
    "bias outside": "the GRU's recurrent bias is added outside the reset gate",
    "first step of GRU": "the GRU gives its first step, not its last",
    "GRU over the batch": "the GRU runs over the samples of the batch",
    "GRU from the end": "the GRU begins with the last step",
    "GRU cut off": "the update is off by",
    "no scale": "is not scaled by 1 / sqrt(size of a head)",
    "scale of all features": "is scaled by 1 / sqrt(features)",
    "no mask": "the causal mask is missing",
    "mask transposed": "the causal mask is transposed",
    "mask inverted": "the causal mask is inverted",
    "mask inverted to NaN": "is a causal mask inverted",
    "mask off by one": "another function is computed",
    "leak": "a place sees what comes after it: the causal mask is missing, or not of -inf",
    "mask too many": "attention is causal, which the spec's is not",
    "softmax over queries": "the softmax of attention runs over the wrong axis",
    "softmax over heads": "another function is computed",
    "sizes before heads": "split into heads as (size, heads), not as (heads, size)",
    "attention over the batch": "attention runs over the samples of the batch",
    "no value bias": "value_bias (MultiHeadAttention) is not added",
    "shares detached": "did not move: it is not trained",
    "last occurrence": "are not summed: of a token that stands at several places the last one",
    "mean of occurrences": "are averaged over the places of a token, not summed",
    "padding_idx": "row 0 of an Embedding is not trained, as with torch's padding_idx=0",
    "scaled embeddings": "the embeddings are multiplied by sqrt(features)",
    "embeddings frozen": "layers.0.embeddings (Embedding) did not move",
    "slices under Adam": "are not summed before they are squared",
    "slices under RMSprop": "are not summed before they are squared",
    "slices clipped": "are not summed before their norm is taken, by which all gradients",
    "slices clipped under Adam": "are not summed before their norm is taken and they are squared",
    "features first": "Flatten runs over (features, steps), not over (steps, features)",
    "no positions": "the positions are not added",
    "positions shifted": "the positions are shifted by one",
    "positions from the end": "the positions run from the last to the first",
    "positions alike": "every place has the row of place 0",
    "positions frozen": "layers.1.embeddings (PositionEmbedding) did not move",
}


def smallest(fault):
    return next(model for model in SEQUENCE_MODELS if fault.applies(model))


def climb(model, protocol, seed=0):
    exercise = Exercise(model, protocol, seed)
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)
    right = Implementation(NumpyBackend("float32"))
    return Ladder(CandidateMeasures(right, reference, exercise)).climb()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_where_it_belongs_and_named(fault):
    caught = catch(fault, smallest(fault))
    assert caught.rung is not None, "not caught"
    assert caught.rung.name in fault.rungs_in(caught.model), caught.rung.explanation
    assert set(fault.starts) <= set(caught.starts)
    assert WORDS[fault.name] in caught.rung.explanation


@pytest.mark.exhaustive
@pytest.mark.parametrize("model", SEQUENCE_MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_in_every_model_in_which_it_exists(fault, model):
    if fault.applies(model):
        assert catch(fault, model).rung is not None


@pytest.mark.parametrize("model", [TINY_GRU, TRANSFORMER], ids=lambda model: model.name)
def test_the_right_backend_holds(model):
    rungs = climb(model, bb.TrainingProtocol(batch_size=32))
    assert [rung for rung in rungs if rung.verdict != "holds"] == []
    assert ("causality" in {rung.name for rung in rungs}) == is_causal(model)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 31))
@pytest.mark.parametrize("model", SEQUENCE_MODELS, ids=lambda model: model.name)
def test_no_seed_raises_a_false_alarm(model, seed):
    optimizers = (bb.Adam(), bb.SGD(0.05, momentum=0.9), bb.RMSprop(), bb.AdamW(weight_decay=0.02))
    protocol = bb.TrainingProtocol(
        batch_size=1 + seed * 7 % 40,
        optimizer=optimizers[seed % 4],
        clip_norm=0.05 if seed % 3 == 0 else None,
    )
    rungs = climb(model, protocol, seed)
    assert [rung for rung in rungs if rung.verdict != "holds"] == []


def test_the_key_s_bias_is_left_out_and_named():
    exercise, reference = sides(TRANSFORMER, bb.TrainingProtocol(batch_size=32))
    right = CandidateMeasures(Implementation(NumpyBackend("float32")), reference, exercise)
    told = {one.rung: one.words for one in right.measures()}["update after 10 steps"]
    bias = "layers.2.layers.1.key_bias"
    assert f"the loss does not depend on {bias}: not compared" in told
    assert reference.left_out(TEN_STEPS) == {bias}
    # In truth rounding moves it: it would be a false alarm.
    place = [variable.name for variable in TRANSFORMER.variables].index(bias)
    moved = [
        Implementation(NumpyBackend(dtype))
        .train(exercise, exercise.fresh(), TEN_STEPS)
        .variables()[place]
        for dtype in ("float32", "float64")
    ]
    assert abs(moved[0]).max() > 1e3 * abs(moved[1]).max()


@pytest.mark.parametrize(
    ("layers", "causal"),
    [
        ((bb.Embedding(9, 4), bb.GRU(3, True)), True),
        ((bb.Embedding(9, 4), bb.GRU(3, True), bb.MultiHeadAttention(1)), False),
        ((bb.Embedding(9, 4), bb.Residual((bb.MultiHeadAttention(2, True),))), True),
        ((bb.Embedding(9, 4), bb.Residual((bb.MultiHeadAttention(2),))), False),
        ((bb.Embedding(9, 4), bb.Concat(((bb.LSTM(3, True), bb.Dense(2)), ()))), True),
        ((bb.Embedding(9, 4), bb.GRU(3, True), bb.Reshape((6, 3))), False),
        ((bb.Embedding(9, 4), bb.GRU(3)), False),
        ((bb.Embedding(9, 4), bb.Dense(3, "relu")), False),
        ((bb.Embedding(1, 4), bb.GRU(3, True)), False),
    ],
)
def test_causal_is_what_has_a_prediction_for_each_place_and_looks_back_alone(layers, causal):
    model = bb.ModelSpec("m", (6,), (*layers, bb.Dense(3, "softmax")), "int32")
    assert is_causal(model) == causal


def test_values_are_checked_for_causality_too():
    layers = (bb.LSTM(3, True), bb.MultiHeadAttention(3, True), bb.Dense(2, "softmax"))
    model = bb.ModelSpec("values", (5, 2), layers)
    (fault,) = (fault for fault in FAULTS if fault.name == "no mask")
    assert is_causal(model)
    rung = catch(fault, model).rung
    assert rung.name in {"forward", "causality"}
    assert "the causal mask is missing" in rung.explanation


def test_every_sentence_is_of_a_fault():
    assert set(WORDS) == {fault.name for fault in FAULTS}
