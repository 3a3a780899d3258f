"""What a rung finds where the gradients of the reference are exactly 0."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend

from benchbench import Conv2D, Dense, Flatten, ModelSpec, TrainingProtocol
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import (
    FRESH,
    ONE_STEP,
    SATURATED,
    TWO_STEPS,
    Exercise,
    relative_difference,
)
from benchbench.certify.implementation import Implementation
from benchbench.certify.reference import Reference
from benchbench.certify.rungs import Finding, limit_of, long_limit
from benchbench.certify.updates import UpdateMeasures
from benchbench.spec.catalog import MODELS
from benchbench.testing.cases import ODD_MODELS

# Seven layers with large weights: the right class has all of the probability, in float64 too.
STILL = ModelSpec("still", (1, 1, 1), (*[Conv2D(1, (1, 1))] * 7, Flatten(), Dense(2, "softmax")))


def test_from_nothing_nothing_differs_by_nothing_and_all_else_without_bound():
    assert relative_difference(np.zeros(3), np.zeros(3)) == 0
    assert relative_difference([0, 0, 1e-30], np.zeros(3)) == math.inf


class Backend(NumpyBackend):
    """NumPy's in float32; `nudge` is added to a weight after training."""

    def __init__(self, nudge):
        super().__init__("float32")
        self.nudge = nudge

    def trainer(self, *arguments, **options):
        trainer = super().trainer(*arguments, **options)
        fit = trainer.fit

        def nudged(train, validation, observer):
            fit(train, validation, observer)
            trainer._network.parameters[0] += self.nudge

        trainer.fit = nudged
        return trainer


def find(nudge, name):
    """Return the finding of this update, from saturated weights."""
    exercise = Exercise(STILL, TrainingProtocol(batch_size=1))
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)
    comparison = CandidateMeasures(Implementation(Backend(nudge)), reference, exercise)
    (measure,) = (one for one in comparison.measures() if one.rung == name)
    return measure.find(SATURATED)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [ONE_STEP.name, TWO_STEPS.name])
def test_where_the_reference_moves_nothing_a_backend_may_not_either(name):
    assert find(0, name).difference == 0
    moved = find(1e-6, name)
    # Other draws, whose gradients are not 0, may count.
    assert moved.difference is None or moved.difference > limit_of(name, STILL).tolerance
    if moved.difference is None:
        assert "gradients are exactly 0" in moved.look()


def test_what_float32_rounds_a_large_bias_by_is_no_difference():
    """The bias of 20 of a network of 57 parameters: its rounding is 1.3e-4 of the update."""
    (model,) = (model for model in ODD_MODELS if model.name == "pool-first")
    exercise = Exercise(model, TrainingProtocol(batch_size=201), seed=288330)
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)

    def found(backend):
        comparison = CandidateMeasures(Implementation(backend), reference, exercise)
        (measure,) = (one for one in comparison.measures() if one.rung == TWO_STEPS.name)
        return measure.find(SATURATED).difference

    assert found(Backend(0)) < limit_of(TWO_STEPS.name, model).tolerance / 4
    assert found(Backend(1e-5)) > limit_of(TWO_STEPS.name, model).tolerance


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ((0.2,), 0.2),
        ((0.3, 0.2), 0.2),
        ((9.0, 0.9, 0.5, 0.3), 0.3),
        ((0.3, 3.0, 2.0, 2.5), 2.0),
        ((None, None, 2.0, None), 2.0),
    ],
)
def test_what_is_more_than_right_backends_show_is_measured_again(sizes, found, monkeypatch):
    """On three steady draws at most, of which the least counts; sizes in tolerances."""
    tolerance = limit_of(ONE_STEP.name, STILL).tolerance
    scripted = [Finding(None if size is None else size * tolerance, lambda: "") for size in sizes]
    asked = []

    def attempt(self, start, program, number):
        asked.append(number)
        return scripted[number]

    monkeypatch.setattr(UpdateMeasures, "_attempt", attempt)
    assert find(0, ONE_STEP.name).difference == found * tolerance
    assert asked == list(range(len(sizes)))


class Forgetful(NumpyBackend):
    """It keeps what it predicted first, and answers so ever after."""

    def __init__(self):
        super().__init__("float32")
        self.predicted = 0

    def trainer(self, *arguments, **options):
        trainer = super().trainer(*arguments, **options)
        predict, kept = trainer.predict, []

        def keeping(inputs):
            self.predicted += 1
            kept.append(predict(inputs[:1]))
            return np.repeat(kept[0], len(inputs), axis=0) if len(kept) > 1 else predict(inputs)

        trainer.predict = keeping
        return trainer


@pytest.mark.parametrize("first", [(), ("forward", "loss")], ids=["alone", "after the others"])
def test_a_trainer_is_asked_once_before_its_first_step_whatever_the_order(first):
    (model,) = (model for model in ODD_MODELS if model.name == "pool-first")
    exercise = Exercise(model, TrainingProtocol(batch_size=8))
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)
    backend = Forgetful()
    measures = CandidateMeasures(Implementation(backend), reference, exercise).measures()
    find = {one.rung: one.find for one in measures}
    for rung in first:
        find[rung](FRESH)
    assert find["predictions"](FRESH).difference > limit_of("predictions", model).tolerance
    assert backend.predicted == 2, "before the step and after it"


def test_three_epochs_of_a_smooth_network_are_held_to_less_unless_float32_parts_there():
    model = MODELS["single-layer"]
    own = limit_of("three epochs", model)
    assert long_limit(own, model, 2e-5) == own, "that is the learning rate's nudge"
    assert long_limit(own, model, 0.1).tolerance == pytest.approx(0.4)
