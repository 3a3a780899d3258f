"""The ladder: what holds, what breaks and how it is told, what passes through."""

from __future__ import annotations

import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend
from benchbench_numpy.trainer import NumpyTrainer
from faulty.climbing import Backend, broken, climb, compare
from faulty.scoring import ALL_MODELS, SMALL_MODELS

from benchbench import Score, TrainingProtocol, Unsupported
from benchbench.certify.calls import PluginRaised
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import STARTS, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import Reference

RUNGS = [
    "data",
    "architecture",
    "forward",
    "loss",
    "update after 1 step",
    "update after 2 steps",
    "update after 10 steps",
    "optimiser state",
    "evaluation",
    "predictions",
    "three epochs",
    "large split",
    "order",
]
OWN_STARTS = {"data", "three epochs", "large split", "order"}


# In the others there is nothing that these two have not, but for a border and three channels.
@pytest.mark.parametrize(
    "model",
    [
        model
        if model.name in {"odd-sizes", "padding-absorbed"}
        else pytest.param(model, marks=pytest.mark.exhaustive)
        for model in SMALL_MODELS
    ],
    ids=lambda model: model.name,
)
def test_the_right_backend_holds_at_every_rung(model):
    rungs = climb(NumpyTrainer, model=model)
    assert list(rungs) == RUNGS
    for rung in rungs.values():
        assert (rung.verdict, rung.explanation) == ("holds", None)
        assert rung.worst <= rung.tolerance
        assert rung.differences.keys() == ({"all"} if rung.name in OWN_STARTS else set(STARTS))
        assert (rung.source == "exact") == (rung.name in {"data", "architecture", "order"})


def raising(method, error):
    """Return a trainer whose method raises; "trainer" is that of the backend."""

    def raises(*_arguments, **_options):
        raise error

    name = "__init__" if method == "trainer" else method
    return type("Raising", (NumpyTrainer,), {name: raises})


METHODS = [
    ("trainer", "architecture"),
    ("set_variables", "architecture"),
    ("variables", "architecture"),
    ("predict", "forward"),
    ("evaluate", "loss"),
    ("fit", "update after 1 step"),
    ("synchronize", "update after 1 step"),
]


@pytest.mark.parametrize(("method", "rung"), METHODS)
@pytest.mark.parametrize("error", [RuntimeError("the sky fell"), SystemExit("the sky fell")])
def test_what_raises_breaks_the_rung_that_calls_it(method, rung, error):
    ladder = Ladder(compare(raising(method, error)))
    rungs = {one.name: one for one in ladder.climb()}
    found = broken(rungs)
    assert found.name == rung
    assert f"`{method}` raised {type(error).__name__}: the sky fell" in found.explanation
    assert set(found.differences.values()) == {None}
    assert found.worst is None
    assert f"{type(error).__name__}: the sky fell" in ladder.traceback
    assert "in raises" in ladder.traceback


def test_settings_that_raise_break_nothing():
    comparison = compare(raising("settings", RuntimeError("the sky fell")))
    assert {rung.verdict for rung in Ladder(comparison).climb()} == {"holds"}
    with pytest.raises(RuntimeError, match="the sky fell"):
        comparison.settings()


def test_after_a_break_nothing_is_reached():
    rungs = climb(raising("evaluate", RuntimeError()))
    verdicts = [rung.verdict for rung in rungs.values()]
    assert verdicts == ["holds"] * 3 + ["breaks"] + ["not reached"] * 9
    unreached = rungs["predictions"]
    assert (unreached.differences, unreached.explanation, unreached.worst) == ({}, None, None)


@pytest.mark.parametrize(("method", "_rung"), METHODS)
@pytest.mark.parametrize("error", [Unsupported("no pool here"), KeyboardInterrupt()])
def test_a_refusal_and_an_interrupt_pass_through(method, _rung, error):
    with pytest.raises(type(error)):
        climb(raising(method, error))


def writable(array):
    """Make a read-only array writable, through its owner where it is a view."""
    owner = array if array.base is None else array.base
    owner.flags.writeable = True
    array.flags.writeable = True
    return array


class Vandal(NumpyTrainer):
    """Writes into what it trains on, evaluates or predicts."""

    method = "fit"

    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        self.vandalise("fit", train.inputs)

    def evaluate(self, split):
        score = super().evaluate(split)
        self.vandalise("evaluate", split.inputs)
        return score

    def predict(self, inputs):
        probabilities = super().predict(inputs)
        self.vandalise("predict", inputs)
        return probabilities

    def vandalise(self, method, samples):
        if method == self.method:
            writable(samples)[0] = 2


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_samples_that_are_written_to_break_the_data_rung(method):
    # Of a seed that no other test has: these samples are spoilt.
    exercise = Exercise(ALL_MODELS["pool-first"], TrainingProtocol(), seed=1 + len(method))
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)
    vandal = Implementation(Backend(type("Vandal", (Vandal,), {"method": method})))
    ladder = Ladder(CandidateMeasures(vandal, reference, exercise))
    rungs = {rung.name: rung for rung in ladder.climb()}
    assert rungs["data"].verdict == "breaks"
    assert rungs["data"].differences == {"all": 1.0}
    assert "written to" in rungs["data"].explanation


def test_samples_cannot_be_written_to_by_mistake():
    class Careless(NumpyTrainer):
        def fit(self, train, validation, observer):
            train.inputs[...] -= train.inputs.mean()

    rungs = climb(Careless)
    assert rungs["data"].verdict == "holds"
    told = rungs["update after 1 step"].explanation
    assert "`fit` raised ValueError" in told
    assert "read-only" in told


def with_answer(method, change):
    """Return a trainer whose method's answer is changed."""

    def changed(self, *arguments):
        return change(getattr(NumpyTrainer, method)(self, *arguments))

    return type("Changed", (NumpyTrainer,), {method: changed})


ANSWERS = [
    ("predict", lambda p: p * np.nan, "forward", "NaN or infinities"),
    ("predict", lambda p: p[:, :-1], "forward", "`predict` gives (128, 2), expected (128, 3)"),
    ("predict", lambda p: p[0], "forward", "`predict` gives (3,), expected (128, 3)"),
    ("predict", lambda p: p[:, ::-1], "forward", "another order of the classes"),
    ("evaluate", lambda s: Score(float("nan"), s.metric), "loss", "the loss is not finite"),
    ("evaluate", lambda s: Score(s.loss, 1 - s.metric), "loss", "how right predictions are"),
    ("evaluate", lambda s: Score(128 * s.loss, s.metric), "loss", "summed over the samples"),
    ("evaluate", lambda s: Score(0.0, s.metric), "loss", "a loss of exactly 0"),
    ("evaluate", lambda _: None, "loss", "what it answered cannot be compared (AttributeError"),
    ("evaluate", lambda s: (s.loss, s.metric), "loss", "cannot be compared (AttributeError"),
    ("evaluate", lambda _: Score(None, 0.5), "loss", "cannot be compared (TypeError"),
    ("predict", lambda p: p.astype(str), "forward", "what it answered cannot be compared"),
    ("variables", lambda _: None, "architecture", "cannot be compared (TypeError"),
    ("variables", lambda a: [[[1, 2], [3]], *a[1:]], "architecture", "cannot be compared"),
    ("variables", lambda a: a[:-1], "architecture", "gives 7 arrays, the spec has 8"),
    ("variables", lambda a: [a[0][::-1], *a[1:]], "architecture", "in another order"),
]


@pytest.mark.parametrize(("method", "change", "rung", "words"), ANSWERS)
def test_answers_that_are_no_answers_break(method, change, rung, words):
    found = broken(climb(with_answer(method, change)))
    assert (found.name, words in found.explanation) == (rung, True), found.explanation


def test_a_diagnosis_that_fails_leaves_the_verdict(monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("of nothing")

    monkeypatch.setattr("benchbench.certify.diagnosis.of_score", fail)
    found = broken(climb(with_answer("evaluate", lambda s: Score(2 * s.loss, s.metric))))
    assert found.name == "loss"
    assert "no diagnosis fits it (ZeroDivisionError: of nothing)" in found.explanation


def test_weights_that_become_nan_break_the_update():
    class Explodes(NumpyTrainer):
        def fit(self, train, validation, observer):
            self._network.parameters[...] = np.nan

    found = broken(climb(Explodes))
    assert (found.name, found.worst) == ("update after 1 step", None)
    assert "NaN or infinities among the parameters" in found.explanation


def test_lists_are_as_good_as_arrays():
    rungs = climb(with_answer("predict", lambda p: p.tolist()))
    assert {rung.verdict for rung in rungs.values()} == {"holds"}


def test_what_the_plugin_raised_is_the_cause():
    with pytest.raises(PluginRaised) as caught:
        compare(raising("fit", ValueError("too many"))).measures()[3].find(STARTS[0])
    assert isinstance(caught.value.__cause__, ValueError)
