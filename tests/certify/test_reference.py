"""The reference's answers: worked out once, on draws that no rounding decides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend

from benchbench import (
    Adam,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ModelSpec,
    TrainingProtocol,
    Unsupported,
)
from benchbench.certify.ahead import SharedMemory, worked_out_ahead
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import (
    FRESH,
    ONE_STEP,
    PROGRAMS,
    SATURATED,
    SATURATING_NATS,
    STARTS,
    TEN_STEPS,
    Exercise,
    relative_difference,
)
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.long_course import LongCourse
from benchbench.certify.reference import ATTEMPTS, REFERENCE, STEADY, Reference
from benchbench.certify.rows import as_row
from benchbench.plugins.registry import load_registry
from benchbench.spec.catalog import MODELS
from benchbench.testing.cases import ODD_MODELS

SMALL = ModelSpec(
    "small",
    (9, 9, 1),
    (Conv2D(4, (3, 3), "relu"), MaxPool2D((2, 2)), Flatten(), Dense(3, "softmax")),
)


@pytest.fixture
def implementation():
    return Implementation(load_registry().backend(REFERENCE).create())


def _reference(implementation, model=SMALL, seed=0, **options):
    exercise = Exercise(model, TrainingProtocol(batch_size=16), seed)
    return exercise, Reference(implementation, exercise, **options)


def test_the_fresh_start_of_seed_0_is_that_of_a_run(implementation):
    from benchbench.spec.initial import initial_variables

    _, reference = _reference(implementation)
    assert reference.draw(FRESH, ONE_STEP) == 0
    for ours, theirs in zip(
        reference.start(FRESH, ONE_STEP), initial_variables(SMALL, 0), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_the_starts_differ_and_the_trained_one_has_learnt(implementation):
    exercise, reference = _reference(implementation)
    losses = [
        reference.evaluate(reference.start(name, ONE_STEP), exercise.evaluation).loss
        for name in STARTS
    ]
    fresh, large, trained = losses
    assert trained < fresh < large


@pytest.mark.parametrize("model", [*MODELS.values(), *ODD_MODELS], ids=lambda model: model.name)
def test_from_the_saturated_start_clamping_would_act_and_logits_are_no_larger_than_need_be(
    implementation, model
):
    exercise, reference = _reference(implementation, model)
    start = reference.start(SATURATED, ONE_STEP)
    trained_on = exercise.training(ONE_STEP, reference.draw(SATURATED, ONE_STEP))
    for split in (exercise.batch, trained_on):
        probabilities = reference.predict(start, split.inputs)
        right = probabilities[np.arange(len(split)), split.targets]
        assert (right < 2e-8).mean() > 0.3
        assert reference.evaluate(start, split).loss < 3 * SATURATING_NATS


def test_updates_are_of_the_programs_own_draw(implementation):
    exercise, reference = _reference(implementation)
    for program in PROGRAMS:
        start, draw = reference.start(FRESH, program), reference.draw(FRESH, program)
        trainer = implementation.train(exercise, start, program, draw)
        expected = as_row(trainer.variables()) - as_row(start)
        np.testing.assert_array_equal(reference.update(FRESH, program), expected)


def test_answers_are_asked_of_the_memory_and_agree_with_those_worked_out(implementation):
    kept = {}

    def memory(name, work_out):
        if name not in kept:
            kept[name] = {
                one: np.asarray(array, np.float32).astype(np.float64)
                for one, array in work_out().items()
            }
        return kept[name]

    _, plain = _reference(implementation)
    _, first = _reference(implementation, memory=memory)
    expected = plain.update("trained", TEN_STEPS)
    assert relative_difference(first.update("trained", TEN_STEPS), expected) < 1e-6
    names = set(kept)
    _, second = _reference(implementation, memory=memory)
    np.testing.assert_array_equal(
        second.update("trained", TEN_STEPS), first.update("trained", TEN_STEPS)
    )
    assert set(kept) == names


def test_a_draw_on_which_only_probabilities_are_rounded_is_passed_over():
    """Fuzzing's find. A dead network says thirds; labels 2, 1, 1 leave no gradient of logit 2."""
    layers = (Flatten(), Dense(1, "linear"), Dense(1, "relu"), Dense(3, "softmax"))
    exercise = Exercise(ModelSpec("dying", (11, 13, 1), layers), TrainingProtocol(batch_size=3))
    float64, float32 = (
        Implementation(load_registry().backend(name).create()) for name in (REFERENCE, "numpy")
    )

    def off(draw: int, expected: np.ndarray) -> float:
        start = exercise.fresh(draw)
        trainer = float32.train(exercise, start, ONE_STEP, draw)
        return relative_difference(as_row(trainer.variables()) - as_row(start), expected)

    dead = as_row(float64.train(exercise, exercise.fresh(), ONE_STEP).variables())
    assert off(0, dead - as_row(exercise.fresh())) > 1e-3, "no draw on which rounding decides"
    reference = Reference(float64, exercise)
    draw, expected = reference.draw(FRESH, ONE_STEP, 1), reference.update(FRESH, ONE_STEP, 1)
    assert off(draw, expected) < 1e-4


def test_an_unsteady_draw_is_passed_over(implementation, monkeypatch):
    """Whichever draw it is whose update a nudge moves far."""
    exercise, reference = _reference(implementation)
    train = Implementation.train

    def unsteady(self, exercise, start, program, draw=0):
        trainer = train(self, exercise, start, program, draw)
        if draw < 3 and start[0].dtype == np.float64:  # a nudged start
            trainer.set_variables([array * 1.001 for array in trainer.variables()])
        return trainer

    monkeypatch.setattr(Implementation, "train", unsteady)
    assert reference.draw(FRESH, TEN_STEPS, 1) == 3, "draws 0, 3, 6, ... are attempt 1's"
    np.testing.assert_array_equal(reference.start(FRESH, TEN_STEPS, 1)[0], exercise.fresh(3)[0])


def test_every_attempt_has_a_draw_of_its_own(implementation):
    _, reference = _reference(implementation)
    draws = {reference.draw(FRESH, TEN_STEPS, attempt) for attempt in ATTEMPTS}
    assert len(draws) == len(ATTEMPTS)


def test_a_nudge_of_float32_size_moves_no_update_far(implementation):
    exercise = Exercise(MODELS["two-layer"], TrainingProtocol())
    reference = Reference(implementation, exercise)
    start = reference.start(FRESH, TEN_STEPS, 1)
    random = np.random.default_rng(99)
    nudged = [array * (1 + random.choice([-6e-8, 6e-8], array.shape)) for array in start]
    draw = reference.draw(FRESH, TEN_STEPS, 1)
    trainer = implementation.train(exercise, nudged, TEN_STEPS, draw)
    update = as_row(trainer.variables()) - as_row(nudged)
    assert 0 < relative_difference(update, reference.update(FRESH, TEN_STEPS, 1)) < STEADY


def test_where_rounding_moves_the_reference_itself_no_backend_is_flagged():
    """With beta_2 = 0 a gradient near 0 moves a weight as far as another: its sign decides."""
    protocol = TrainingProtocol(optimizer=Adam(beta_2=0.0))
    exercise = Exercise(MODELS["single-layer"], protocol)
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)
    right = CandidateMeasures(Implementation(NumpyBackend("float32")), reference, exercise)
    with pytest.raises(Unsupported, match=r"no certificate can be made .* beta_2 <= beta_1\^2"):
        Ladder(right).climb()


def test_what_agrees_at_first_sight_costs_the_reference_one_run_of_each_program(monkeypatch):
    """Nudges say whether a difference is rounding's: without one nobody asks."""
    exercise = Exercise(SMALL, TrainingProtocol(batch_size=16))
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)
    asked = []
    monkeypatch.setattr(Reference, "_try", lambda *_: asked.append("steady") or (None, 0))
    monkeypatch.setattr(LongCourse, "moved", lambda *_: asked.append("long") or 0.0)
    monkeypatch.setattr(LongCourse, "rounded", lambda *_: asked.append("float32") or 0.0)
    right = CandidateMeasures(Implementation(NumpyBackend("float32")), reference, exercise)
    rungs = Ladder(right).climb()
    assert {rung.verdict for rung in rungs} == {"holds"}
    assert not asked


def test_two_threads_work_every_answer_out_once():
    exercise = Exercise(SMALL, TrainingProtocol(batch_size=16))
    worked_out = Counter()

    def memory(name, work_out):
        worked_out[name] += 1
        return work_out()

    def reference(memory):
        return Reference(Implementation(NumpyBackend("float64")), exercise, memory)

    shared = reference(SharedMemory(memory))
    with worked_out_ahead(shared):
        ours = {(s, p): shared.update(s, p) for p in PROGRAMS for s in STARTS}
        rows = shared.course.rows()
    alone = reference(memory=lambda _, work_out: work_out())
    for (start, program), update in ours.items():
        np.testing.assert_array_equal(update, alone.update(start, program))
    np.testing.assert_array_equal(rows, alone.course.rows())
    assert set(worked_out.values()) == {1}
    assert len(worked_out) >= len(PROGRAMS) * len(STARTS) + 1


def test_who_asks_for_what_another_thread_failed_at_is_told():
    shared = SharedMemory(lambda _, work_out: work_out())

    def fails():
        raise Unsupported("no such thing")

    for _ in range(2):
        with pytest.raises(Unsupported, match="no such thing"):
            shared("answer", fails)
