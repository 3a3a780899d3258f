"""What a worker says and a plugin declares is its own run's end; no finished run is lost."""

from __future__ import annotations

import json
import os

import msgspec
import pytest
from fake_launcher import FakeLauncher, FakeMonitor, Step, epoch_of, good_run, whole_report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makers import PHASES
from stage import Hearing, Stage, make_session

from benchbench import BackendInfo
from benchbench.plugins.registry import Offer, Registry
from benchbench.run.channel import ConductorEnd, NoEvent
from benchbench.run.conductor import Conductor
from benchbench.run.encoding import to_json
from benchbench.run.launcher import ProcessLauncher
from benchbench.run.messages import Built, EpochDone, Finished, GaveUp, Ready
from benchbench.run.store import Store, read
from benchbench.spec.protocol import TrainingProtocol


@pytest.fixture
def stage(tmp_path):
    return lambda **scripts: Stage(tmp_path / "results", scripts)


def test_an_interrupt_while_a_finished_worker_ends_leaves_it_finished(stage):
    *before, last = good_run(2)
    ends = Step(last.event, last.seconds, farewell=KeyboardInterrupt())
    play = stage(one=[*before, ends], two=good_run(9))
    with pytest.raises(KeyboardInterrupt):
        play.conduct(make_session("one", "two").block(0))
    statuses = {name: record.status for name, record in play.saved().items()}
    assert statuses == {"one": "ok", "two": "interrupted"}
    assert play.saved()["one"].checks
    heard = [entry for entry in play.listener.heard if entry[0] == "record"]
    assert sorted(heard) == [("record", "one", "ok"), ("record", "two", "interrupted")]


def test_an_interrupt_between_two_records_saves_what_there_is(stage):
    play = stage(one=good_run(1), two=good_run(9))
    session = make_session("one", "two", protocol=TrainingProtocol(epochs=9))
    records = play.conductor.conduct(session.block(0))
    assert next(records).backend == "one"
    records.close()  # as Python does when nobody waits for the rest
    statuses = {name: record.status for name, record in play.saved().items()}
    assert statuses == {"one": "invalid", "two": "interrupted"}
    assert "kill two" in play.launcher.journal


def test_what_is_said_after_the_last_event_makes_a_crash_of_it(stage):
    *before, last = good_run(2)
    play = stage(one=[*before, Step(last.event, last.seconds, farewell="b'more'")])
    record = play.conduct(make_session("one").block(0))["one"]
    assert (record.status, len(record.epochs)) == ("crashed", 2)
    assert "after its last: b'more'" in record.error


def test_a_run_that_was_stopped_in_its_turn_is_invalid(stage):
    first, built, epoch, *rest = good_run(2)
    paused = Step(epoch.event, epoch.seconds, stopped=True)
    record = stage(one=[first, built, paused, *rest]).conduct(make_session("one").block(0))["one"]
    assert record.status == "invalid"
    assert "pauses: expected a worker that is at work" in record.error
    assert "in turn 2" in record.error


def test_what_is_raised_for_one_run_is_the_end_of_that_run_alone(stage):
    play = stage(two=[*good_run(2)[:3], Step(ValueError("the sky fell"))])
    records = play.conduct(make_session("one", "two", "three").block(0))
    assert {name: one.status for name, one in records.items()} == {
        **dict.fromkeys(("one", "three"), "ok"),
        "two": "failed",
    }
    assert "ValueError: the sky fell" in records["two"].error
    assert "Traceback" in records["two"].traceback
    assert "kill two" in play.launcher.journal


DECLARED = {
    "NUL in a value": (("A", "b\0c"),),
    "NUL in a name": (("A\0", "b"),),
    "a number": (("A", 1),),
    "an equals sign": (("A=B", "b"),),
    "no pair": ("A",),
    "nothing": None,
    "a lone surrogate": (("A", "\udfff\ud800"),),
    "too much": (("A", "b" * 5_000_000),),
}


@pytest.mark.parametrize("environment", DECLARED.values(), ids=DECLARED)
def test_a_worker_that_cannot_be_started_costs_no_other_run(tmp_path, environment):
    fake = FakeLauncher(lambda run: good_run(run.request.protocol.epochs))

    class Launcher:
        """Starts a process for the backend `two`, which declares this."""

        def launch(self, run, *, timeout_seconds):
            if run.request.backend != "two":
                return fake.launch(run, timeout_seconds=timeout_seconds)
            info = BackendInfo("ok", (), lambda: None)
            # Whatever is refused where it is declared: this is the last line.
            object.__setattr__(info, "environment", environment)
            offers = {"two": Offer(info, "tests")}
            real = ProcessLauncher(Registry(offers, {}, {}, {}, ()))
            return real.launch(run, timeout_seconds=timeout_seconds)

    store = Store(tmp_path / "results")
    store.prepare()
    conductor = Conductor(
        store=store,
        listener=Hearing(),
        timeout=60,
        launcher=Launcher(),
        monitor=FakeMonitor(fake.clock),
    )
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    session = make_session("one", "two", "three")
    records = {record.backend: record for record in conductor.conduct(session.block(0))}
    assert {name: one.status for name, one in records.items()} == {
        **dict.fromkeys(("one", "three"), "ok"),
        "two": "failed",
    }
    assert "its worker could not be started" in records["two"].error
    assert len(read(tmp_path / "results")[0]) == 3
    assert len(os.listdir("/proc/self/fd")) <= len(before), "descriptors are left open"  # noqa: PTH208


EVENTS = (
    Ready(),
    Built("cpu"),
    EpochDone(1, epoch_of(1.0), 0.1),
    EpochDone(2, epoch_of(1.0), 0.1),
    Finished(whole_report(parameter_count=1, settings={"a": 1}, versions={"a": "1"}), (0.1, 0.1)),
    GaveUp("failed", "the sky fell", "a traceback"),
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(10**300), 2**63, 2**64])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["\ud800", "\x1b[2J", "ok", "Finished", "x" * 100_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value, path=()):
    """Yield the path to everything in a JSON value, itself among it."""
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from places(item, (*path, key))


PLACES = [
    (number, path)
    for number, event in enumerate(EVENTS)
    for path in places(msgspec.json.decode(to_json(event)))
    if path
]


def changed(event, path, value):
    content = msgspec.json.decode(to_json(event))
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


def heard(content):
    """Send an event through a pipe; return what the conductor hears, as `WorkerProcess` does."""
    end = ConductorEnd()
    try:
        line = json.dumps(content | {"nonce": end._nonce, "sequence": 0}).encode() + b"\n"
        return end._decode(line.rstrip())
    except NoEvent as error:
        return GaveUp("crashed", str(error))
    finally:
        end.close_worker_side()
        end.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), ANYTHING)
def test_a_wrong_value_in_any_field_of_any_event_costs_no_other_run(tmp_path, place, value):
    number, path = place
    event = heard(changed(EVENTS[number], path, value))
    script = good_run(2)
    place = min(number, 4)
    script = [*script[:place], Step(event, script[place].seconds), *script[place + 1 :]]
    results = tmp_path / os.urandom(8).hex()
    play = Stage(results, {"two": script})
    play.conduct(make_session("one", "two").block(0))
    saved = play.saved()
    assert saved["one"].status == "ok"
    two = saved["two"]
    if two.status == "ok":
        assert len(two.epochs) == 2
        assert two.phases is not None
        assert two.phases.total == pytest.approx(PHASES.total, rel=0.1)
        assert all(
            0.9 < epoch.train_seconds + epoch.validation_seconds <= 1 for epoch in two.epochs
        )
