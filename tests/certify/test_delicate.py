"""What hangs on roundings is allowed for: deep networks with attention, small steps of SGD."""

from __future__ import annotations

import math

import pytest
from benchbench_numpy.backend import NumpyBackend
from faulty.sequence_models import ENCODER, FLAT, TRANSFORMER

import benchbench as bb
from benchbench.certify.answer_limits import answer_limit
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import FRESH, ONE_STEP, SATURATED, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import STEADY, Reference
from benchbench.certify.rungs import THREE_EPOCHS, Limit
from benchbench.errors import Unsupported

LIMIT = Limit(1e-5, "measured")
# What fuzzing found: its answers and its updates are far more sensitive than its weights.
DEEP = bb.ModelSpec(
    "deep",
    (5,),
    (
        bb.Embedding(300, 8),
        bb.LSTM(8, return_sequences=True),
        bb.Residual((bb.LayerNorm(), bb.MultiHeadAttention(8))),
        bb.Residual((bb.LayerNorm(), bb.Dense(7, "leaky_relu"), bb.Dense(8))),
        bb.Residual((bb.LayerNorm(), bb.MultiHeadAttention(2))),
        bb.Residual((bb.LayerNorm(), bb.Dense(1), bb.Dense(8))),
        bb.GlobalAvgPool1D(),
        bb.Dense(2, "softmax"),
    ),
    "int32",
)


def reference_of(exercise):
    return Reference(Implementation(NumpyBackend("float64")), exercise)


def climb(exercise):
    right = Implementation(NumpyBackend("float32"))
    return Ladder(CandidateMeasures(right, reference_of(exercise), exercise)).climb()


def test_an_answer_within_its_limit_asks_for_no_more():
    def never():
        raise AssertionError("the reference is asked for nothing")

    assert answer_limit(9e-6, LIMIT, never) is None


@pytest.mark.parametrize("difference", [2e-5, math.inf, math.nan])
def test_a_steady_network_is_allowed_no_more(difference):
    assert answer_limit(difference, LIMIT, lambda: 1e-7) is None


def test_what_roundings_move_is_allowed_sixteen_times_as_much():
    assert answer_limit(2e-5, LIMIT, lambda: 1e-5).tolerance == pytest.approx(1.6e-4)
    # A fault that is larger still breaks, however sensitive the network is.
    assert answer_limit(0.5, LIMIT, lambda: 2e-3).tolerance < 0.5


def test_where_nothing_can_be_told_no_certificate_is_made():
    with pytest.raises(Unsupported, match="so many layers leave float32 no digits"):
        answer_limit(1e-2, LIMIT, lambda: 2e-3)


def test_a_draw_on_which_float32_is_far_off_is_passed_over():
    exercise = Exercise(DEEP, bb.TrainingProtocol(batch_size=1), 2)
    reference = reference_of(exercise)
    first, _ = reference._try(FRESH, ONE_STEP, 0)
    rounded = reference._rounded(exercise.fresh(0), ONE_STEP, 0, first)
    assert rounded > STEADY, "nudged weights alone would take this draw"
    assert reference.draw(FRESH, ONE_STEP, 1) != 0, "the first look takes any"
    assert reference.unsteadiness(FRESH, ONE_STEP, 1) <= STEADY


def test_large_weights_leave_likenesses_and_states_as_they_are():
    exercise = Exercise(TRANSFORMER, bb.TrainingProtocol())
    fresh, large = exercise.fresh(), exercise.large(0, 0)
    tame = {
        variable.role
        for variable, one, other in zip(TRANSFORMER.variables, fresh, large, strict=True)
        if one.any() and (one == other).all()
    }
    assert tame == {"query_kernel", "key_kernel", "gamma"}
    flat = Exercise(FLAT, bb.TrainingProtocol())
    for one, other in zip(flat.fresh(), flat.large(0, 0), strict=True):
        assert (4 * one == other).all()
    assert reference_of(exercise).start(SATURATED, ONE_STEP)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(4))
def test_a_deep_network_in_batches_of_one_is_no_false_alarm(seed):
    rungs = climb(Exercise(DEEP, bb.TrainingProtocol(batch_size=1), seed))
    assert [rung for rung in rungs if rung.verdict != "holds"] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "optimizer",
    [bb.SGD(bb.Cosine(0.001, 900)), bb.SGD(0.001, momentum=0.5, weight_decay=0.01)],
    ids=str,
)
def test_small_steps_are_rounded_and_that_is_no_false_alarm(optimizer):
    """A weight of one half is rounded by 3e-8, a hundredth of a step of 3e-6."""
    layers = (bb.Flatten(), bb.Dense(32), bb.Dense(3, "softmax"))
    protocol = bb.TrainingProtocol(batch_size=4, optimizer=optimizer)
    for seed in range(3):
        rungs = climb(Exercise(bb.ModelSpec("slow", (9, 5, 1), layers), protocol, seed))
        assert [rung for rung in rungs if rung.verdict != "holds"] == []


def test_steps_that_are_alike_are_rounded_alike_and_that_is_no_false_alarm():
    """A schedule's last rate and a decay take a weight the same way thousands of times over."""
    layers = (bb.Flatten(), bb.Dense(2, "softmax"))
    protocol = bb.TrainingProtocol(
        batch_size=1,
        optimizer=bb.AdamW(bb.Cosine(1e-4, 20, 0.1), weight_decay=0.004),
        loss=bb.CrossEntropy(0.1),
    )
    exercise = Exercise(bb.ModelSpec("tiny", (1, 1, 1), layers), protocol)
    measures = CandidateMeasures(
        Implementation(NumpyBackend("float32")), reference_of(exercise), exercise
    )
    (find,) = (one.find for one in measures.measures() if one.rung == THREE_EPOCHS)
    finding = find(FRESH)
    assert 1e-3 < finding.difference <= finding.limit.tolerance < 0.05
    assert "in float32" in finding.limit.source


def test_a_network_of_no_attention_is_not_trained_in_float32_too():
    assert reference_of(Exercise(FLAT, bb.TrainingProtocol()))._in_float32 is None
    assert reference_of(Exercise(ENCODER, bb.TrainingProtocol()))._in_float32 is not None
