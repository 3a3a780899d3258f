"""An epoch at a time: what is waited for, what is raised, and that the thread ends."""

from __future__ import annotations

import threading
import time

import msgspec
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
from benchbench.certify.exercise import PluginRaised
from benchbench.pytest_plugin import slices
from benchbench.pytest_plugin.slices import calibrated_steps, training_slice
from benchbench.pytest_plugin.training_thread import Job, TrainingThread

MODEL = ModelSpec("tiny", (4, 3, 1), (Flatten(), Dense(2, "softmax")))


class Diary(Trainer):
    """Trains nothing; `events` says what was called when, and in which thread."""

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
            time.sleep(0.02)  # a call that does not wait for the validation would be seen
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


def train(kind: type[Diary], *, epochs: int = 2) -> None:
    """Train all epochs, as a test with the fixture does."""
    one = job(DiaryBackend(kind))
    with TrainingThread(one, training_slice(one, 3), epochs=epochs) as training:
        for _ in range(epochs):
            training.train_epoch()
            training.settle()
        training.finish()


def fit_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "benchbench-fit"]


def test_nothing_is_trained_before_its_turn_and_validation_is_waited_for():
    backend = DiaryBackend()
    one = job(backend)
    with TrainingThread(one, training_slice(one, 3), epochs=2) as training:
        assert backend.events == ["built"]
        training.train_epoch()
        assert backend.events == ["built", "trained 1"]
        training.settle()
        assert backend.events[2:] == ["validated 1 on 8"]
        time.sleep(0.05)
        assert len(backend.events) == 3, "the second epoch was trained out of its turn"
        training.train_epoch()
        training.finish()
    assert backend.events[3:] == ["trained 2", "validated 2 on 8", "returned"]
    assert training.settings == {"pages": 2}
    assert len(training.epochs) == 2
    assert not fit_threads()


def test_leaving_early_ends_the_thread():
    backend = DiaryBackend()
    one = job(backend)
    with TrainingThread(one, training_slice(one, 3), epochs=5) as training:
        training.train_epoch()
    assert not fit_threads()
    assert "returned" not in backend.events


def test_finishing_early_is_an_error_and_no_wait_for_ever():
    one = job(DiaryBackend())
    with TrainingThread(one, training_slice(one, 3), epochs=5) as training:
        training.train_epoch()
        with pytest.raises(RuntimeError, match="5 epochs were to be trained, but 1 were asked"):
            training.finish()
    assert not fit_threads()


def interrupted() -> None:
    one = job(DiaryBackend())
    with TrainingThread(one, training_slice(one, 3), epochs=5) as training:
        training.train_epoch()
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_thread_and_passes():
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not fit_threads()


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
def test_what_goes_wrong_in_fit_is_raised_where_it_is_waited_for(kind, message):
    with pytest.raises(Exception, match=message):
        train(kind)
    assert not fit_threads()


def test_what_the_plugin_raised_is_the_cause():
    with pytest.raises(PluginRaised) as caught:
        train(Raises)
    assert isinstance(caught.value.__cause__, RuntimeError)


class Refuses(Diary):
    def __init__(self, epochs, events):
        raise Unsupported("it keeps no diary")


def test_a_refusal_comes_as_it_is():
    with pytest.raises(Unsupported, match="it keeps no diary"):
        train(Refuses)


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
    monkeypatch.setattr(slices, "_epoch_seconds", lambda job, steps: fixed + per_step * steps)
    assert least <= calibrated_steps(job(DiaryBackend()), 0.3) <= most


def test_the_shortest_epoch_but_the_first_counts(monkeypatch):
    class Timed(TrainingThread):
        def finish(self):
            super().finish()
            self.epochs = [
                msgspec.structs.replace(epoch, train_seconds=seconds)
                for epoch, seconds in zip(self.epochs, (0.001, 0.5, 0.2, 0.3, 0.4), strict=True)
            ]

    monkeypatch.setattr(slices, "TrainingThread", Timed)
    assert calibrated_steps(job(DiaryBackend()), 0.4) == 8
