"""A worker's process, as its conductor hears it: it may die, hang, or write what is not an event.

Most of the processes here are shell scripts in place of Python: see `scripted`.
"""

from __future__ import annotations

import os
import select
import selectors
import signal

import pytest
from scripted import BUILT, FOREVER, READY, TURN
from waiting import PATIENCE_SECONDS

from benchbench.plugins.registry import load_registry
from benchbench.records import DatasetChoice
from benchbench.run.launcher import ProcessLauncher
from benchbench.run.messages import Built, GaveUp, Ready
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol


def test_events_come_one_a_turn_and_the_log_holds_what_is_printed(launch):
    worker = launch("echo printed; echo too >&2", READY, TURN, BUILT, FOREVER)
    assert worker.next_event() == Ready()
    assert worker.turn() == Built("cpu")
    assert worker.log() == "printed\ntoo\n"


@pytest.mark.parametrize(
    ("last", "status", "reason"),
    [
        ("kill -SEGV $$", "crashed", "the worker was killed by signal 11 (SIGSEGV)"),
        ("kill -KILL $$", "crashed", "the worker was killed by signal 9 (SIGKILL)"),
        ("exit 7", "crashed", "the worker ended with exit code 7 before it was done"),
        ("exit 0", "crashed", "the worker ended with exit code 0 before it was done"),
        ("echo garbage >&$events", "crashed", "the worker wrote something that is not an event"),
        (
            r"printf '\377\000\n' >&$events",
            "crashed",
            "the worker wrote something that is not an event",
        ),
        (
            """echo '{"type":"Sung"}' >&$events""",
            "crashed",
            "the worker wrote something that is not an event",
        ),
    ],
)
def test_a_death_and_garbage_are_how_the_run_ended(launch, last, status, reason):
    worker = launch(READY, TURN, last, FOREVER)
    assert worker.next_event() == Ready()
    ending = worker.turn()
    assert isinstance(ending, GaveUp)
    assert ending.status == status
    assert ending.reason.startswith(reason)


def test_a_worker_that_is_dead_before_its_request_is_noticed_when_it_is_heard(launch):
    ending = launch("exec 1>&-; exit 3").next_event()
    assert ending == GaveUp("crashed", "the worker ended with exit code 3 before it was done")


def test_a_hang_is_ended_at_the_time_limit(launch):
    worker = launch(FOREVER, timeout_seconds=0.05)
    ending = worker.next_event()
    assert ending == GaveUp("timeout", "no answer within the time limit of 0.05 s (--timeout)")
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


def test_the_conductor_waits_in_one_call_while_a_worker_is_at_work(launch, monkeypatch):
    waits = []

    class Counting(selectors.DefaultSelector):
        def select(self, timeout=None):
            waits.append(timeout)
            return super().select(timeout)

    monkeypatch.setattr(selectors, "DefaultSelector", Counting)
    worker = launch(READY, TURN, BUILT, FOREVER, timeout_seconds=1000)
    worker.next_event()
    worker.turn()
    assert len(waits) == 2, "one wait an event: it does not poll"
    assert 900 < waits[1] <= waits[0] <= 1000, "each wait may take all the time that is left"


def test_what_a_worker_started_ends_with_it(launch):
    worker = launch(f"{FOREVER} & echo $!", READY, FOREVER)
    worker.next_event()
    child = os.pidfd_open(int(worker.log()))
    worker.kill()
    ended, _, _ = select.select([child], [], [], 60)
    os.close(child)
    assert ended, "it lives on"


@pytest.mark.parametrize(
    ("variables", "declared"), [(None, "here"), ((("DECLARED", "there"),), "there")]
)
def test_a_worker_has_the_variables_that_its_backend_declares(launch, variables, declared):
    worker = launch('echo "$OMP_NUM_THREADS $DECLARED"', READY, FOREVER, variables=variables)
    worker.next_event()
    assert worker.log() == f"3 {declared}\n"
    assert worker.environment["OMP_NUM_THREADS"] == "3"


def test_the_launcher_finds_the_declaration_by_name(misfits):
    session = Session(
        cells=(Cell("exits", "idiomatic", MODELS["single-layer"]),),
        protocol=TrainingProtocol(epochs=1),
        dataset=DatasetChoice("digits"),
        device="cpu",
        threads=1,
        cpus=None,
        seed=0,
    )
    (group,) = session.block(0)
    worker = ProcessLauncher(load_registry()).launch(group.runs[0], timeout_seconds=60)
    try:
        assert worker.next_event() == Ready()
    finally:
        worker.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_workers_and_saves_what_there_is(command, tmp_path, number):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command.environment["HANGS_AT"] = str(pipe)
    process = command.start(
        *("run", "--backend", "null", "--backend", "hangs", "--model", "single-layer"),
        *("--dataset", str(command.dataset), "--epochs", "1", "--results", str(command.results)),
        "--no-certify",
        start_new_session=True,
    )
    worker = int(pipe.read_text())  # returns when the epoch that hangs has begun
    os.kill(worker, 0)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, stderr
    statuses = {record.backend: record.status for record in command.records()}
    assert statuses["hangs"] == "interrupted"
    assert statuses["null"] in {"ok", "interrupted"}
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
