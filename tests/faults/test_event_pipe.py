"""The pipe of events: nothing on it but the worker's main loop's own events, in their order."""

from __future__ import annotations

import json
import os

import pytest
from scripted import BUILT, FINISHED, FOREVER, READY, TURN
from waiting import wait_until

from benchbench.run.channel import ConductorEnd, NoEvent, WorkerEnd
from benchbench.run.messages import Built, Finished, GaveUp, Ready

AS_IT_IS = '"type":"Built","device":"cpu"'
FOREIGN = {
    "no nonce": f"echo '{{{AS_IT_IS}}}' >&$events",
    "a wrong nonce": f"nonce=0 say '{AS_IT_IS}'",
    "an event twice": f"sequence=0 say '{AS_IT_IS}'",
    "an event left out": f"sequence=2 say '{AS_IT_IS}'",
    "deep nesting": """python3 -c 'print("[" * 100000)' >&$events""",
    "nesting in a field": """python3 -c "print('{\\"x\\":' * 9999)" >&$events""",
    "10,000 digits": """say "\\"type\\":\\"Built\\",\\"device\\":$(printf '9%.0s' {1..10000})" """,
    "a wrong type": """say '"type":"Built","device":[]'""",
    "an empty line": "echo >&$events",
    "no text": r"printf '\377\000\n' >&$events",
    "no JSON": "echo null >&$events",
}  # fmt: skip


@pytest.mark.parametrize("line", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_the_next_event_of_the_main_loop_ends_the_run(launch, line):
    worker = launch(READY, TURN, line, FOREVER)
    assert worker.next_event() == Ready()
    ending = worker.turn()
    assert isinstance(ending, GaveUp), ending
    assert ending.status == "crashed"
    assert ending.reason.startswith("the worker wrote something that is not an event: ")
    assert len(ending.reason) < 1500


def test_an_event_in_its_order_is_heard(launch):
    worker = launch(READY, TURN, BUILT, TURN, FINISHED)
    worker.next_event()
    assert worker.turn() == Built("cpu")
    assert isinstance(worker.turn(), Finished)
    assert worker.end() == ""


def test_who_speaks_out_of_turn_has_crashed(launch):
    worker = launch(READY, f"{BUILT}; {BUILT}", FOREVER)
    assert worker.next_event() == Ready()
    wait_until(worker._channel.unasked)
    ending = worker.turn()
    assert ending.status == "crashed"
    assert "not an event, out of its turn: b'{" in ending.reason


@pytest.mark.parametrize("more", ["echo more >&$events", FINISHED, "cat /dev/zero >&$events"])
def test_what_is_said_after_the_last_event_is_noticed(launch, more):
    worker = launch(READY, TURN, FINISHED, more, FOREVER)
    worker.next_event()
    assert isinstance(worker.turn(), Finished)
    assert worker.end() != ""


def test_bytes_without_an_end_are_no_line(launch):
    worker = launch(READY, TURN, "cat /dev/zero >&$events", FOREVER)
    worker.next_event()
    ending = worker.turn()
    assert ending.status == "crashed"
    assert "a line of more than" in ending.reason


def test_the_time_limit_holds_while_bytes_drip(launch):
    drip = "while :; do printf x >&$events; done"
    worker = launch(READY, TURN, drip, timeout_seconds=0.5)
    worker.next_event()
    assert worker.turn().status == "timeout"


def test_a_worker_that_reads_nothing_does_not_hold_the_conductor_up(launch, monkeypatch):
    from benchbench.run import channel

    monkeypatch.setattr(channel, "to_json", lambda _: b"x" * (1 << 20))
    assert launch(FOREVER, "sleep 60", timeout_seconds=0.3).next_event().status == "timeout"


def test_a_worker_that_closes_its_pipe_and_lives_on_has_crashed(launch):
    worker = launch(READY, TURN, "exec {events}>&-; exec sleep 60", timeout_seconds=1.0)
    worker.next_event()
    ending = worker.turn()
    assert (ending.status, ending.reason) == (
        "crashed",
        "the worker closed its pipe of events and did not end",
    )


@pytest.mark.parametrize(
    ("number", "name"), [(40, "a real-time signal"), (64, "SIGRTMAX"), (15, "SIGTERM")]
)
def test_a_death_is_noticed_though_another_process_holds_the_pipe(launch, number, name):
    worker = launch("sleep 60 &", READY, TURN, f"kill -{number} $$", FOREVER)
    worker.next_event()
    assert worker.turn() == GaveUp("crashed", f"the worker was killed by signal {number} ({name})")


def test_a_worker_of_an_earlier_checkout_sends_no_nonce_and_a_later_one_must_go_on_with_it():
    earlier = ConductorEnd(earlier=True)
    for content in ({"type": "Ready"}, {"type": "Built", "device": "cpu"}):
        os.write(earlier.worker_events, json.dumps(content).encode() + b"\n")
        assert earlier.read_event() is not None
    later = ConductorEnd(earlier=True)
    seal = {"nonce": later._nonce, "sequence": 0}
    os.write(later.worker_events, json.dumps({"type": "Ready"} | seal).encode() + b"\n")
    assert later.read_event() == Ready()
    os.write(later.worker_events, b'{"type":"Built","device":"cpu"}\n')
    with pytest.raises(NoEvent):
        later.read_event()
    for end in (earlier, later):
        end.close_worker_side()
        end.close()


def test_a_process_that_was_forked_from_the_worker_cannot_answer_for_it():
    conductor = ConductorEnd()
    worker = WorkerEnd(baton=conductor.worker_baton, events=conductor.worker_events)
    worker._nonce = conductor._nonce
    worker._pid += 1  # as it is in a child
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever ends it
        worker.send(Built("cpu"))
    assert conductor.read_event().status == "crashed"
    conductor.close()


FORKS = '''
import os
from benchbench import BackendInfo, hookimpl
from misfits import MisfitBackend, NullTrainer

class Forks(NullTrainer):
    """Goes on in a child as well as in its parent."""
    def epoch(self):
        super().epoch()
        os.fork()

class Leaves(NullTrainer):
    """Goes on in a child only."""
    def epoch(self):
        super().epoch()
        if child := os.fork():
            os.waitpid(child, 0)
            os.kill(os.getpid(), 9)

@hookimpl
def benchbench_backends():
    return [BackendInfo("forks", (), lambda: MisfitBackend(Forks)),
            BackendInfo("leaves", (), lambda: MisfitBackend(Leaves))]
'''


def test_a_run_that_goes_on_in_a_child_has_crashed_and_costs_no_other_run(command, install):
    install("forking", FORKS)
    command.run("forks", "--backend", "leaves", "--backend", "null", "--epochs", "1")
    statuses = {record.backend: record.status for record in command.records()}
    assert statuses == {"forks": "crashed", "leaves": "crashed", "null": "ok"}
