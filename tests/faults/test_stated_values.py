"""What a plugin states of itself, in whatever type and length, loses no completed run."""

from __future__ import annotations

import os

import msgspec
import pytest
from fake_launcher import whole_report

from benchbench.run import worker
from benchbench.run.channel import LINE_LIMIT_BYTES, ConductorEnd, WorkerEnd
from benchbench.run.encoding import plain_count, plain_settings, plain_versions
from benchbench.run.messages import Finished, GaveUp


class Silent:
    def __str__(self):
        raise ValueError("no")


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


VALUES = {
    "NaN": float("nan"),
    "infinity": float("-inf"),
    "a list": [1, 2],
    "a mapping": {"a": {"b": [1]}},
    "deep": nested(100_000),
    "lone surrogate": "\ud800",
    "NUL": "\0",
    "huge text": "x" * 50_000_000,
    "huge bytes": b"x" * 20_000_000,
    "64 bits and more": 2**64,
    "10,000 digits": 10**10_000,
    "no text": Silent(),
    "nothing": None,
    "a type": int,
}
STATED = {
    **{name: {"a": value} for name, value in VALUES.items()},
    "names": {"\ud800": 1, 1: 2, None: 3, "x" * 10_000: 4, Silent(): 5},
    "many": {f"setting {number}": "x" * 10_000 for number in range(100_000)},
    "no mapping": ["a", "b"],
    "nothing at all": None,
}


@pytest.mark.parametrize("stated", STATED.values(), ids=STATED)
def test_what_is_stated_arrives_as_something_that_a_record_can_hold(stated):
    report = whole_report(settings=plain_settings(stated), versions=plain_versions(stated))
    conductor = ConductorEnd()
    line_of = WorkerEnd(baton=conductor.worker_baton, events=os.dup(conductor.worker_events))
    said = []
    line_of._nonce = conductor._nonce
    line_of._events.close()

    class Pipe:
        def write(self, line):
            said.append(line)

        def flush(self): ...

    line_of._events = Pipe()
    line_of.send(Finished(report))
    (line,) = said
    assert len(line) < LINE_LIMIT_BYTES
    event = conductor._decode(line)
    assert isinstance(event, Finished)
    assert event.outcome.settings
    assert event.outcome.versions
    os.close(conductor.worker_events)
    conductor.close()


def test_what_is_plain_stays_as_it_is():
    stated = {"text": "channels last", "count": 3, "rate": 0.5, "on": True}
    assert plain_settings(stated) == stated


@pytest.mark.parametrize(
    ("stated", "count"),
    [(7, 7), (True, 1), (-1, None), (2**63, None), (1.5, None), ("7", None), (None, None)],
)
def test_a_count_is_a_count_or_unknown(stated, count):
    assert plain_count(stated) == count


class WordlessError(RuntimeError):
    def __str__(self):
        raise ValueError("no")


@pytest.mark.parametrize(
    "error",
    [RuntimeError("x" * 50_000_000), WordlessError(), RuntimeError("\ud800"), MemoryError()],
)
def test_an_error_is_told_in_so_many_words_at_most(monkeypatch, error):
    def prepare(_):
        raise error

    monkeypatch.setattr(worker.SingleRun, "prepare", prepare)
    request = msgspec.structs.replace(WHO, spawned_ns=0)
    ending = worker.execute(request, lambda event: None)
    assert isinstance(ending, GaveUp)
    assert ending.status in {"failed", "oom"}
    assert len(ending.reason) < 3_000
    assert len(ending.traceback) < 100_000


def _request():
    from scripted import planned

    return planned("python").request


WHO = _request()
