"""One `fit` under the clock: what is timed, what is raised, how much is trained on."""

from __future__ import annotations

import sys
import time

import pytest

from benchbench import (
    Backend,
    Dense,
    Flatten,
    ModelSpec,
    Score,
    Trainer,
    TrainingProtocol,
    Unsupported,
)
from benchbench.certify.calls import PluginRaised
from benchbench.pytest_plugin import slices
from benchbench.pytest_plugin.slices import calibrated_steps, training_slice
from benchbench.pytest_plugin.training import Job, Training, train

MODEL = ModelSpec("tiny", (4, 3, 1), (Flatten(), Dense(2, "softmax")))


class Diary(Trainer):
    """Trains nothing; `events` says what was called when."""

    def __init__(self, epochs: int, events: list[str]) -> None:
        self.epochs, self.events = epochs, events

    def set_variables(self, arrays):
        self.events.append("built")

    def variables(self):
        return []

    def fit(self, train, validation, observer):
        for number in range(1, self.epochs + 1):
            self.train(number)
            observer.epoch_trained(1.0)
            self.events.append(f"validated {number} on {len(validation)}")
            observer.epoch_validated(Score(1.0, 0.5))
        self.events.append("returned")

    def train(self, number):
        self.events.append(f"trained {number}")

    def evaluate(self, split):
        return Score(1.0, 0.5)

    def predict(self, inputs):
        return inputs

    def synchronize(self):
        pass

    def settings(self):
        return {"pages": self.epochs}


class DiaryBackend(Backend):
    def __init__(self, kind: type[Diary] = Diary) -> None:
        self.events: list[str] = []
        self.kind = kind

    def versions(self):
        return {"diary": "1"}

    def devices(self):
        return ("cpu",)

    def trainer(self, model, protocol, *, device, division, threads, seed):
        return self.kind(protocol.epochs, self.events)


def job(backend: Backend) -> Job:
    return Job(
        name="diary",
        backend=backend,
        division="idiomatic",
        device="cpu",
        threads=1,
        seed=0,
        model=MODEL,
        protocol=TrainingProtocol(batch_size=8),
    )


def trained(kind: type[Diary], *, epochs: int = 2) -> Training:
    one = job(DiaryBackend(kind))
    return train(one, training_slice(one, 3), epochs=epochs)


def test_between_two_epochs_nothing_is_trained_and_nothing_is_timed():
    backend = DiaryBackend()
    one = job(backend)

    def between(number: int) -> None:
        backend.events.append(f"between {number}")
        time.sleep(0.2)

    training = train(one, training_slice(one, 3), epochs=2, after_epoch=between)
    assert backend.events == [
        "built",
        *("trained 1", "validated 1 on 8", "between 1"),
        *("trained 2", "validated 2 on 8", "between 2"),
        "returned",
    ]
    assert training.settings == {"pages": 2}
    assert len(training.epoch_seconds) == 2
    assert max(training.epoch_seconds) < 0.2


def test_tracers_are_off_while_it_trains_and_on_again():
    seen = []

    class Traced(Diary):
        def train(self, number):
            seen.append((sys.gettrace(), sys.getprofile()))

    def profiler(*_):
        pass

    sys.setprofile(profiler)
    try:
        trained(Traced)
        after = sys.getprofile()
    finally:
        sys.setprofile(None)
    assert seen == [(None, None)] * 2
    assert after is profiler


class Raises(Diary):
    def train(self, number):
        if number == 2:
            raise RuntimeError("the sky fell")


class Quits(Diary):
    def train(self, number):
        raise SystemExit(0)


class Short(Diary):
    def fit(self, train, validation, observer):
        self.epochs -= 1
        super().fit(train, validation, observer)


class ValidatesFirst(Diary):
    def fit(self, train, validation, observer):
        observer.epoch_validated(Score(1.0, 0.5))


class NaN(Diary):
    def fit(self, train, validation, observer):
        for _ in range(self.epochs):
            observer.epoch_trained(float("nan"))
            observer.epoch_validated(Score(1.0, 0.5))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Raises, "`fit` raised RuntimeError: the sky fell"),
        (Quits, "`fit` raised SystemExit: 0"),
        (Short, "fit must report 2 epochs, but it returned after 1"),
        (ValidatesFirst, "epoch_validated after epoch 0 without epoch_trained"),
        (NaN, "expected diary to report finite losses of tiny, but training loss of epoch 1 is"),
    ],
)
def test_what_goes_wrong_in_fit_is_raised(kind, message):
    with pytest.raises(Exception, match=message):
        trained(kind)


def test_what_the_plugin_raised_is_the_cause():
    with pytest.raises(PluginRaised) as caught:
        trained(Raises)
    assert isinstance(caught.value.__cause__, RuntimeError)


class Refuses(Diary):
    def __init__(self, epochs, events):
        raise Unsupported("it keeps no diary")


def test_a_refusal_comes_as_it_is():
    with pytest.raises(Unsupported, match="it keeps no diary"):
        trained(Refuses)


def test_a_slice_holds_whole_batches_always_the_same():
    one = job(DiaryBackend())
    short, long = training_slice(one, 2), training_slice(one, 5)
    assert (len(short), len(long)) == (16, 40)
    assert (training_slice(one, 5).inputs == long.inputs).all()


def test_images_beyond_some_megabytes_are_the_first_again(monkeypatch):
    monkeypatch.setattr(slices, "_DISTINCT_BYTES", 10 * 4 * 12)
    split = training_slice(job(DiaryBackend()), 3)
    assert (split.inputs[10:20] == split.inputs[:10]).all()
    assert (split.targets[10:20] == split.targets[:10]).all()
    assert (split.inputs[1] != split.inputs[0]).any()


def times(monkeypatch, of_steps) -> None:
    """Make up the seconds of the epochs, by their number of steps."""
    made_up = lambda job, split, *, epochs: Training(of_steps(len(split) // 8), {})  # noqa: E731
    monkeypatch.setattr(slices, "train", made_up)


@pytest.mark.parametrize(
    ("fixed", "per_step", "least", "most"),
    [
        (0.0, 0.01, 30, 30),  # plain work
        (0.0, 1.0, 1, 1),  # one step is more than enough
        (0.25, 0.001, 4, 150),  # a framework whose epochs have a fixed cost
        (0.01, 0.001, 140, 310),
        (0.0, 1e-9, 2_000, 2_000),  # nothing to do: as much as is allowed
    ],
)
def test_an_epoch_gets_the_steps_that_take_the_wanted_time(
    monkeypatch, fixed, per_step, least, most
):
    monkeypatch.setattr(slices, "_LARGEST_BYTES", 2_000 * 8 * 4 * 12)
    times(monkeypatch, lambda steps: (9.0, fixed + per_step * steps))
    assert least <= calibrated_steps(job(DiaryBackend()), 0.3) <= most


def test_the_shortest_epoch_but_the_first_counts(monkeypatch):
    times(monkeypatch, lambda steps: (0.001, 0.5, 0.2, 0.3, 0.4))
    assert calibrated_steps(job(DiaryBackend()), 0.4) == 8
