"""Words for what the faults of `faulty` do not show, and the suspects one by one."""

from __future__ import annotations

import numpy as np
import pytest
from faulty.scoring import ALL_MODELS, sides

from benchbench import Score, TrainingProtocol, task_of
from benchbench.certify import diagnosis
from benchbench.certify.exercise import (
    FRESH,
    ONE_STEP,
    PROGRAMS,
    TRAINED,
    TWO_EPOCHS,
    relative_difference,
)
from benchbench.certify.rows import as_row
from benchbench.certify.suspects import Suspects, in_order, suspected_scores

MODEL = ALL_MODELS["odd-sizes"]
CLASSES = task_of(MODEL, TrainingProtocol())
SQUARE = ALL_MODELS["dark-border"]


def returned(change):
    """Say what is told of weights that came back changed."""
    _, reference = sides(MODEL)
    given = reference.start(TRAINED)
    back = [change(index, array) for index, array in enumerate(given)]
    changed = [
        i for i, pair in enumerate(zip(given, back, strict=True)) if not np.array_equal(*pair)
    ]
    return diagnosis.of_returned(MODEL, given, back, changed)


SHAPE, FIRST = (3, 2, 4), (2, 0, 1)


def rows(change):
    """Return a change of the kernel behind Flatten, of 3 x 2 x 4 features."""
    return lambda index, array: change(array) if index == 2 else array


@pytest.mark.parametrize(
    "change",
    [
        lambda kernel: in_order(kernel, SHAPE, FIRST),
        lambda kernel: kernel[np.arange(24).reshape(SHAPE).transpose(FIRST).ravel()],
    ],
    ids=["there", "back"],
)
def test_a_kernel_in_the_order_of_another_flatten_says_so(change):
    told = returned(rows(change))
    assert "layers.3.kernel (Dense) came back in another order" in told
    assert "(channels, height, width)" in told


def test_another_order_is_a_layout():
    assert "a layout is mistaken" in returned(rows(lambda kernel: kernel[::-1]))


def test_weights_that_are_nearly_right_were_rounded():
    assert "came back rounded" in returned(lambda _, array: array.astype("f2").astype("f4"))


def test_shapes_that_are_turned_are_told_from_others():
    shapes = list(MODEL.variable_shapes)
    shapes[2] = (7, 24)
    assert "(in, out)" in diagnosis.of_shapes(MODEL, shapes)
    shapes[2] = (60, 7)
    assert "padding" in diagnosis.of_shapes(MODEL, shapes)


@pytest.mark.parametrize(
    ("model", "words", "images"),
    [
        (SQUARE, "rows and columns swapped", lambda x: x.transpose(0, 2, 1, 3)),
        (MODEL, "scaled by 1/256", lambda x: x * np.float32(255 / 256)),
        (MODEL, "bytes, from 0 to 255", lambda x: x * 255),
        (MODEL, "[-1, 1]", lambda x: 2 * x - 1),
    ],
)
def test_the_suspect_among_images_is_found(model, words, images):
    exercise, reference = sides(model)
    weights, seen = reference.start(TRAINED), exercise.batch.inputs
    expected = reference.predict(weights, seen)
    observed = reference.predict(weights, np.ascontiguousarray(images(seen), np.float32))
    suspects = Suspects(model, weights, seen, reference.predict)
    assert words in suspects.guilty(expected, observed)
    told = diagnosis.of_predictions(
        expected, observed, task=CLASSES, trained=False, suspects=suspects
    )
    assert "the reference predicts the same where" in told


@pytest.mark.parametrize("number", [1, 4, 5, 6])
def test_a_single_bias_is_named(number):
    exercise, reference = sides(MODEL)
    weights, seen = reference.start(TRAINED), exercise.batch.inputs
    place = {1: 1, 4: 3, 5: 5, 6: 7}[number]
    other = [np.zeros_like(a) if i == place else a for i, a in enumerate(weights)]
    expected, observed = (reference.predict(one, seen) for one in (weights, other))
    told = Suspects(MODEL, weights, seen, reference.predict).guilty(expected, observed)
    kind = "Conv2D layers" if number == 1 else f"layers.{number - 1}.bias (Dense)"
    assert kind in told


def test_no_suspect_is_blamed_for_noise():
    exercise, reference = sides(MODEL)
    weights, seen = reference.start(FRESH), exercise.batch.inputs
    expected = reference.predict(weights, seen)
    noise = np.random.default_rng(0).normal(0, 1e-3, expected.shape)
    assert (
        Suspects(MODEL, weights, seen, reference.predict).guilty(expected, expected + noise) is None
    )


def test_features_in_another_order_times_the_kernel_are_those_in_order_times_the_other():
    random = np.random.default_rng(0)
    images, kernel = random.normal(size=(5, 3, 2, 4)), random.normal(size=(24, 7))
    other = images.transpose(0, 3, 1, 2).reshape(5, 24) @ kernel
    assert np.allclose(images.reshape(5, 24) @ in_order(kernel, (3, 2, 4), (2, 0, 1)), other)


def test_suspected_scores_are_those_of_the_mistakes():
    exercise, reference = sides(MODEL)
    split, weights, older = exercise.evaluation, reference.start(TRAINED), reference.start(FRESH)
    found = dict(suspected_scores(reference.evaluate, split, weights, older, batch_size=128))
    right = reference.evaluate(weights, split)
    left_out = found["the short last batch is left out"]
    unweighted = found["the short last batch counts as much as a whole one"]
    short = 2 * unweighted.loss - left_out.loss
    assert (128 * left_out.loss + 52 * short) / 180 == pytest.approx(right.loss)
    assert found["the weights are those before training"] == reference.evaluate(older, split)


def update(program=ONE_STEP, start=FRESH):
    _, reference = sides(MODEL)
    return as_row(reference.start(start, program)), reference.update(start, program)


def tell(expected, observed, **known):
    known = {"first": True, "program": ONE_STEP} | known
    return diagnosis.of_update(MODEL, TrainingProtocol(), expected, observed, **known)


def test_an_update_of_nothing_says_that_nothing_moved():
    _, expected = update()
    assert "nothing moved" in tell(expected, 0 * expected)


def test_a_gradient_in_another_layout_names_the_array():
    random = np.random.default_rng(0)
    expected = random.normal(0, 1e-4, MODEL.parameter_count)
    observed = expected.copy()
    kernel = slice(64, 64 + 24 * 7)
    observed[kernel] = expected[kernel].reshape(24, 7).T.ravel()
    told = tell(expected, observed)
    assert "layers.3.kernel (Dense) has the right numbers in another order" in told


def test_signs_that_balance_are_no_layout():
    _, expected = update()
    random = np.random.default_rng(0)
    saturated = 1e-3 * np.sign(random.permutation(np.resize([1.0, -1.0], len(expected))))
    told = tell(saturated, random.permutation(saturated))
    assert "another order" not in told


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_small_noise_everywhere_may_be_low_precision(program):
    _, expected = update(program)
    noise = np.random.default_rng(0).normal(0, 1e-3, len(expected))
    told = tell(expected, expected * (1 + noise), first=False, program=program)
    assert "low precision (TF32, bfloat16, half)" in told


def test_what_is_new_in_a_program_is_what_to_look_at():
    _, expected = update(TWO_EPOCHS)
    observed = expected + np.random.default_rng(0).normal(0, 2e-4, len(expected))
    assert "what the second begins with" in tell(
        expected, observed, first=False, program=TWO_EPOCHS
    )
    assert "batches and their order" in tell(expected, observed, first=False, program=None)


def test_weights_that_shrink_are_told_by_how_much():
    weights, expected = update(start=TRAINED)
    given = [weights]
    assert "shrink by 3.0e-05" in tell(expected, expected - 3e-5 * weights, given=given)


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (Score(2.0, 0.75), "look at the targets"),
        (Score(0.1, 0.5), "divided by 10"),
        (Score(1.01, 0.5), "penalties"),
    ],
)
def test_what_a_score_looks_like(score, words):
    assert words in diagnosis.of_score(Score(1.0, 0.5), score, 128, task=CLASSES, short=False)


def test_a_score_after_training_may_be_of_a_short_batch_or_of_older_weights():
    told = diagnosis.of_score(Score(1.0, 0.5), Score(1.1, 0.5), 180, task=CLASSES, short=True)
    assert "short last batch" in told
    assert "older weights" in told


def test_relative_differences_are_of_all_values_together():
    assert relative_difference([3.0, 4.0], [0.0, 5.0]) == pytest.approx(np.sqrt(10) / 5)


ODD_ANSWERS = {
    "empty": np.empty((0, 3)),
    "one row of numbers": np.ones(3),
    "a number": np.float64(1),
    "text": np.array([["a", "b", "c"]]),
    "objects": np.array([[None, None, None]]),
    "NaN": np.full((4, 3), np.nan),
    "another length": np.ones((7, 5)),
    "None": None,
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_no_answer_makes_a_diagnosis_raise(answer):
    expected = np.full((4, 3), 1 / 3)
    row = np.linspace(0, 1, MODEL.parameter_count)
    for said in (
        diagnosis.of_predictions(expected, answer, task=CLASSES, trained=False),
        diagnosis.of_update(MODEL, TrainingProtocol(), row, answer, first=True),
        diagnosis.of_returned(MODEL, [answer], [answer], [0]),
        diagnosis.of_shapes(MODEL, answer),
        diagnosis.of_score(Score(1.0, 0.5), Score(answer, answer), 4, task=CLASSES, short=False),
    ):
        assert isinstance(said, str)
        assert said


def test_of_an_optimizer_that_no_file_knows_only_what_any_would_show_is_said(monkeypatch):
    row = np.linspace(-1, 1, MODEL.parameter_count)

    def told():
        return diagnosis.of_update(MODEL, TrainingProtocol(), row, 1.5 * row, first=True)

    assert "times the learning rate" in told(), "Adam's file knows how far a step goes"
    monkeypatch.setattr("benchbench.certify.diagnosis.update._SIGNS", {})
    assert told().startswith("everything moves 1.5000 times as far")
