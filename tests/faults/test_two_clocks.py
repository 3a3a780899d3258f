"""A worker's seconds against the conductor's: a plugin that changes the clock gains nothing."""

from __future__ import annotations

import pytest
from makers import PHASES

from benchbench.records import EpochRecord
from benchbench.run.turns import TimedEpoch, Turn, disagreements

# Backends that change the clock, each in one way; `honest` is asleep as they are.
CHEATS = '''
import functools
import time
from benchbench import BackendInfo, hookimpl
from misfits import MisfitBackend, NullTrainer

true_ns, true = time.perf_counter_ns, time.perf_counter

def patch(changed):
    """Have both clocks of Python run through a function of nanoseconds."""
    time.perf_counter_ns = lambda: int(changed(true_ns()))
    time.perf_counter = lambda: changed(true_ns()) / 1e9

class Honest(NullTrainer):
    def epoch(self):
        super().epoch()
        time.sleep(0.15)

class Cheat(Honest):
    """Changes the clock when its first epoch begins."""
    def epoch(self):
        if not hasattr(self, "began"):
            self.began = true_ns()
            patch(self.change)
        super().epoch()

class Half(Cheat):
    def change(self, now):
        return self.began + (now - self.began) / 2

class LaterBefore(Honest):
    """Is built three seconds later than it is."""
    def __init__(self, *arguments):
        super().__init__(*arguments)
        patch(lambda now: now + 3_000_000_000)

KINDS = dict(honest=Honest, half=Half, later=LaterBefore)

@hookimpl
def benchbench_backends():
    return [BackendInfo(name, (), functools.partial(MisfitBackend, kind))
            for name, kind in KINDS.items()]
'''


def test_a_plugin_that_changes_the_clock_is_invalid_and_an_honest_one_is_not(command, install):
    install("cheats", CHEATS)
    names = ["half", "later"]
    others = [word for name in names for word in ("--backend", name)]
    command.run("honest", *others)
    records = {record.backend: record for record in command.records()}
    assert (records["honest"].status, records["honest"].error) == ("ok", None)
    for name in names:
        assert records[name].status == "invalid", name
        assert "clock: expected the worker's seconds to agree" in records[name].error, name


def epoch(stated: float, turn: float, watched: float | None = 0.0) -> TimedEpoch:
    record = EpochRecord(stated, 0.0, None, None, None, None)
    return TimedEpoch(record, Turn(turn), watched)


AGREEING = {
    "exactly": [epoch(1.0, 1.0)] * 5,
    "within the cost of the pipe": [epoch(0.05, 0.075)] * 5,
    "a conductor that came late once": [epoch(1.0, 1.01)] * 4 + [epoch(1.0, 1.4)],
    "a watch": [epoch(1.0, 1.31, 0.3)] * 2,
    "an earlier checkout": [epoch(1.0, 1.3, None)] * 2,
    "nothing": [],
}
DISAGREEING = {
    "more than there was": [epoch(1.002, 1.0)] + [epoch(1.0, 1.0)] * 4,
    "half": [epoch(0.05, 0.1)] * 5,
    "a tenth less": [epoch(9.0, 10.0)] * 5,
    "half of the first": [epoch(2.0, 4.0)] + [epoch(1.0, 1.0)] * 4,
    "a watch for ever": [epoch(1.0, 11.0, 10.0)] * 2,
    "less than no watch": [epoch(1.01, 1.0, -0.5)] * 2,
    "no number": [epoch(float("nan"), 1.0)],
    "negative": [epoch(-1.0, 1.0)] * 3,
}


@pytest.mark.parametrize("epochs", AGREEING.values(), ids=AGREEING)
def test_a_loaded_machine_is_no_disagreement(epochs):
    rest = 42.0 - sum(one.record.train_seconds for one in epochs)
    turns = [Turn(rest), *(one.turn for one in epochs)]
    assert not list(disagreements(epochs, turns, PHASES))


@pytest.mark.parametrize("epochs", DISAGREEING.values(), ids=DISAGREEING)
def test_what_the_pipe_does_not_cost_is_a_disagreement(epochs):
    (told,) = disagreements(epochs, [one.turn for one in epochs], None)
    assert "by the worker" in told


def test_what_the_core_looks_on_at_the_end_is_part_of_the_turn_and_not_of_the_run():
    turns = [Turn(1.0), Turn(49.0)]
    assert not list(disagreements([], turns, PHASES, 8.0))
    assert list(disagreements([], turns, PHASES, 16.0)), "more than there was"


@pytest.mark.parametrize("seconds", [41.0, 50.0])
def test_the_whole_is_compared_too(seconds):
    (told,) = disagreements([], [Turn(1.0), Turn(seconds - 1)], PHASES)
    assert f"all turns 42.000 s by the worker and {seconds:.3f} s by the conductor" in told
