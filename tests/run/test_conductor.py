"""The baton: exactly one at work, orders drawn from the recorded seed, nothing lost on Ctrl-C."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from pathlib import Path

import pytest

from benchbench.data import catalog
from benchbench.plugins.registry import load_registry
from benchbench.records import EpochDone
from benchbench.run.plan import Cell, Session
from benchbench.run.process import WorkerProcess
from benchbench.run.store import read
from benchbench.spec.protocol import TrainingProtocol


def test_workers_take_turns_in_the_order_of_the_recorded_seed(command):
    done = command.run("null", "--backend", "slow", "--backend", "prints", "--epochs", "6")
    assert done.returncode == 0, done.stderr
    records = {record.backend: record for record in command.records()}
    (order_seed,) = {record.order_seed for record in records.values()}
    order, live = random.Random(order_seed), ["null", "slow", "prints"]
    order.shuffle(live)  # the turn that imports and builds
    drawn = []
    for number in range(6):
        order.shuffle(live)
        drawn.append(tuple(live))
        turns = [records[name].epochs[number].turn for name in live]
        assert turns == [0, 1, 2]
    assert len(set(drawn)) > 1, "an order that never changes is not drawn afresh"


def test_waiting_is_not_working(command):
    command.run("null", "--backend", "slow", "--epochs", "5")
    records = {record.backend: record for record in command.records()}
    waiting, working = records["null"].phases, records["slow"].phases
    trained = [one.first_epoch + one.steady_epochs for one in (waiting, working)]
    assert waiting.waiting >= 0.5
    assert trained[0] < 0.5 <= trained[1], "the wait for another's turn is no time of its own"
    assert all(epoch.train_seconds >= 0.1 for epoch in records["slow"].epochs)


def test_an_epoch_says_what_the_machine_did_meanwhile(command):
    command.run("slower", "--epochs", "3")
    for epoch in command.record().epochs:
        assert 0 <= epoch.foreign_cpu_fraction <= 1
        assert epoch.waiting_cpu_seconds is not None
        assert epoch.machine.calibration_seconds > 0


def test_phases_sum_to_the_wall_time_of_the_process(command):
    before = time.perf_counter()
    command.run("slow", "--epochs", "5")
    elapsed = time.perf_counter() - before
    phases = command.record().phases
    parts = {name: getattr(phases, name) for name in phases.__struct_fields__ if name != "total"}
    assert sum(parts.values()) == pytest.approx(phases.total, rel=0.01)
    assert 0.5 <= phases.total < elapsed


def test_at_most_eight_workers_live_at_once(command):
    names = ("null", "prints", "slow", "lies", "nan", "frozen", "wrong-count", "wrong-shape")
    more = [part for name in (*names[1:], "nan-predictions") for part in ("--backend", name)]
    done = command.run("null", *more, "--epochs", "1")
    assert "9 runs in 2 groups" in done.stderr
    assert len(command.records()) == 9
    assert len({record.order_seed for record in command.records()}) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_workers_and_saves_what_there_is(command, number):
    # `null` is over within a second; `hangs` never would be.
    process = command.start(
        *("run", "--backend", "null", "--backend", "hangs", "--model", "single-layer"),
        *("--dataset", str(command.dataset), "--epochs", "1", "--results", str(command.results)),
        "--no-certify",
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not _sleeping_workers(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3)  # into the epoch that hangs
    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    statuses = {record.backend: record.status for record in command.records()}
    assert statuses["hangs"] == "interrupted"
    assert statuses["null"] in {"ok", "interrupted"}
    assert not _sleeping_workers(process.pid), "a worker outlived its conductor"


def test_a_worker_killed_from_outside_is_recorded_as_crashed(command):
    process = command.start(
        *("run", "--backend", "hangs", "--model", "single-layer", "--epochs", "1"),
        *("--dataset", str(command.dataset), "--results", str(command.results), "--no-certify"),
    )
    deadline = time.monotonic() + 60
    while not (workers := _sleeping_workers(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    os.kill(workers[0], signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode == 1
    (record,), _ = read(command.results)
    assert record.status == "crashed"
    assert "SIGKILL" in record.error


def test_the_conductor_sleeps_while_a_worker_works(misfits, small_mnist):
    registry = load_registry()
    session = Session(
        cells=[Cell(registry.backend("slow"), "idiomatic", registry.model("single-layer"))],
        protocol=TrainingProtocol(epochs=1),
        dataset=catalog.choose(str(small_mnist), {}),
        device="cpu",
        threads=1,
        cpus=None,
        seed=0,
    )
    (group,) = session.block(0)
    worker = WorkerProcess(group.runs[0], timeout=60)
    try:
        worker.next_event()
        worker.turn()  # imports and builds
        before, used = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time()
        event = worker.turn()  # an epoch of a tenth of a second
        after, spent = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time() - used
    finally:
        worker.close()
    assert isinstance(event, EpochDone)
    assert event.epoch.train_seconds >= 0.1
    assert after.ru_nvcsw - before.ru_nvcsw < 10, "it woke up in between: a poll?"
    assert spent < 0.02


def _sleeping_workers(conductor: int) -> list[int]:
    """Return the live workers that `conductor` started, from /proc."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"benchbench.run.worker" in words and parent in {conductor, 1}:
            found.append(int(process.name))
    return found
