"""The ledger leaves nothing out; the epoch clock stops where the contract says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import PluginError
from benchbench.measure import clock
from benchbench.measure.clock import EpochClock, Ledger
from benchbench.plugins.contract import Score

PHASES = ["import", "data", "build", "first_epoch", "steady_epochs", "validation", "evaluate"]
PHASES += ["predict", "waiting", "other"]


class FakeClock:
    """A clock that the test moves on, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> int:
        return round(self.now * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.lists(st.tuples(st.sampled_from(PHASES), st.integers(0, 10_000)), max_size=30))
def test_every_moment_is_in_the_phase_that_was_entered_last(steps):
    clock = FakeClock()
    ledger = Ledger(0, clock)
    expected = dict.fromkeys(PHASES, 0.0)
    for phase, milliseconds in steps:
        ledger.enter(phase)
        clock.sleep(milliseconds / 1e3)
        expected[phase] += milliseconds / 1e3
    phases = ledger.close()
    found = {name: getattr(phases, "import_" if name == "import" else name) for name in PHASES}
    assert found == pytest.approx(expected)
    assert phases.total == pytest.approx(sum(expected.values()))


def test_time_before_the_process_existed_counts_as_other():
    clock = FakeClock()
    clock.sleep(5)
    assert Ledger(int(2e9), clock).close().other == 3


class Course:
    """A trainer's life against a fake clock: what it does takes the time it says."""

    def __init__(self, epochs: int) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(0, self.clock)
        self.drain = 0.0
        self.told = []
        self.watched = []
        self.watched_seconds = []
        self.cpu = FakeClock()
        self.observer = EpochClock(
            ledger=self.ledger,
            epochs=epochs,
            synchronize=self.synchronize,
            hand_over=self.hand_over,
            after_training=self.after_training,
            after_epoch=self.after_epoch,
        )
        self.observer.start()

    def synchronize(self) -> None:
        self.clock.sleep(self.drain)
        self.drain = 0.0

    def after_training(self, number) -> None:
        self.watched.append(number)
        self.clock.sleep(10)

    def after_epoch(self, number, epoch) -> None:
        """Keep weights for an audit: the core's own work, in wall time and in CPU time."""
        self.clock.sleep(1)
        self.cpu.sleep(50)

    def hand_over(self, number, epoch) -> None:
        self.watched_seconds.append(self.observer.watched_seconds)
        self.ledger.enter("waiting")
        self.told.append((number, epoch))
        self.clock.sleep(100)
        self.cpu.sleep(3 * number)

    def epoch(self, train: float, validate: float, loss: float | None = 0.5) -> None:
        self.clock.sleep(train)
        self.observer.epoch_trained(loss)
        self.clock.sleep(validate)
        self.observer.epoch_validated(Score(0.25, 0.75))


def test_training_validation_and_waiting_are_told_apart():
    course = Course(epochs=3)
    for train, validate in ((5, 1), (3, 2), (4, 1)):
        course.epoch(train, validate)
    course.clock.sleep(7)  # what fit does after its last epoch
    course.observer.finish()
    phases = course.ledger.close()
    assert [number for number, _ in course.told] == [1, 2, 3]
    assert [epoch.train_seconds for _, epoch in course.told] == [5, 3, 4]
    assert [epoch.validation_seconds for _, epoch in course.told] == [1, 2, 1]
    assert (phases.first_epoch, phases.steady_epochs, phases.validation) == (5, 7, 4)
    assert course.watched == [1, 2, 3]
    assert (phases.waiting, phases.other) == (333, 7)
    assert course.watched_seconds == [11, 11, 11]


def test_work_still_pending_is_waited_for_and_counted_where_it_was_issued():
    course = Course(epochs=1)
    course.clock.sleep(1)
    course.drain = 2
    course.observer.epoch_trained(None)
    course.clock.sleep(1)
    course.drain = 4
    course.observer.epoch_validated(Score(1.0, 0.5))
    ((_, epoch),) = course.told
    assert (epoch.train_seconds, epoch.validation_seconds, epoch.loss) == (3, 5, None)


def test_cpu_time_between_turns_is_told_apart_from_training_and_from_the_cores_own(monkeypatch):
    course = Course(epochs=2)
    monkeypatch.setattr(clock, "cpu_ns", course.cpu)
    course.observer.start()
    for _ in range(2):
        course.cpu.sleep(20)
        course.epoch(10, 1)
    assert [epoch.train_cpu_seconds for _, epoch in course.told] == [20, 20]
    assert course.observer.waiting_cpu_seconds == [3, 6]


def test_threads_that_spin_while_the_clocks_are_read_are_no_more_than_there_are(monkeypatch):
    """Two threads are always at work, and reading a clock takes as long as the epoch itself."""
    now = 0

    def wall() -> int:
        nonlocal now
        now += int(1e9)
        return now

    told = []
    monkeypatch.setattr(clock, "cpu_ns", lambda: 2 * wall())
    observer = EpochClock(
        ledger=Ledger(0, wall),
        epochs=2,
        synchronize=lambda: None,
        hand_over=lambda number, epoch: told.append(epoch),
    )
    observer.start()
    for _ in range(2):
        observer.epoch_trained(None)
        observer.epoch_validated(Score(1.0, 0.5))
    for epoch in told:
        assert 0 < epoch.train_cpu_seconds <= 2 * epoch.train_seconds


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_becomes_null_and_is_noted(value):
    course = Course(epochs=1)
    course.epoch(1, 1, loss=value)
    assert course.told[0][1].loss is None
    assert course.observer.not_finite == [f"training loss of epoch 1 is {value}"]


def test_calls_out_of_order_are_refused():
    with pytest.raises(PluginError, match="without epoch_trained"):
        Course(1).observer.epoch_validated(Score(1.0, 0.5))
    twice = Course(2)
    twice.observer.epoch_trained(1.0)
    with pytest.raises(PluginError, match="twice in a row"):
        twice.observer.epoch_trained(1.0)
    more = Course(1)
    more.epoch(1, 1)
    with pytest.raises(PluginError, match="once more after epoch 1"):
        more.observer.epoch_trained(1.0)
    fewer = Course(2)
    fewer.epoch(1, 1)
    with pytest.raises(PluginError, match="must report 2 epochs, but it returned after 1"):
        fewer.observer.finish()
