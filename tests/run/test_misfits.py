"""A backend that misbehaves costs its own run and no other, and leaves a true record."""

from __future__ import annotations

import pytest

ENDINGS = [
    ("dies", "crashed", "signal 11 (SIGSEGV)", 1),
    ("exits", "crashed", "exit code 7", 1),
    ("scribbles", "crashed", "no event", 1),
    ("raises", "failed", "RuntimeError: the sky fell", 1),
    ("quits", "failed", "SystemExit", 1),
    ("skips-an-epoch", "failed", "must report 2 epochs, but it returned after 1", 1),
    ("validates-first", "failed", "without epoch_trained", 1),
    ("out-of-memory", "oom", "MemoryError", 1),
    ("refuses", "skipped", "there is no pool in this framework", 3),
    ("nan", "invalid", "finite: expected", 1),
    ("nan-predictions", "invalid", "predictions: expected", 1),
    ("wrong-count", "invalid", "parameter count: expected 7,850, found 7,840", 1),
    ("wrong-shape", "invalid", "parameter shapes: expected 784x10 10, found 10x784 10", 1),
    ("wrong-predictions", "invalid", "predictions: expected", 1),
    ("frozen", "invalid", "array 1 did not change", 1),
    ("lies", "invalid", "accuracy recomputed: expected evaluate: 0.9900", 1),
    ("unfinished", "invalid", "the process was still at work", 1),
    ("drains-late", "invalid", "after fit the first read of the parameters took", 1),
]


@pytest.mark.parametrize(("backend", "status", "reason", "code"), ENDINGS)
def test_each_ending_is_recorded_with_its_reason(command, backend, status, reason, code):
    done = command.run(backend)
    record = command.record()
    assert (done.returncode, record.status) == (code, status), done.stderr
    assert reason in record.error
    assert reason.split(":")[0] in done.stdout, "the table shows the failure"


def test_a_hang_is_ended_at_the_time_limit(command):
    done = command.run("hangs", "--timeout", "3")
    assert (done.returncode, command.record().status) == (1, "timeout")
    assert "time limit of 3 s" in command.record().error


def test_what_a_worker_prints_goes_to_the_log_and_harms_nothing(command):
    done = command.run("prints")
    assert done.returncode == 0, done.stderr
    assert command.record().status == "ok"
    assert "garbage" not in done.stdout


def test_the_log_is_kept_beside_a_record_of_something_wrong(command):
    command.run("scribbles")
    command.run("raises")
    raised = next(record for record in command.records() if record.backend == "raises")
    assert "RuntimeError: the sky fell" in raised.traceback
    for record in command.records():
        if record.log:
            assert (command.results / "runs" / record.log).read_text().strip()


def test_a_crash_costs_no_other_run_of_the_group(command):
    done = command.run("null", "--backend", "dies", "--backend", "slow", "--model", "all")
    assert done.returncode == 1
    found = {(record.backend, record.model): record.status for record in command.records()}
    assert len(found) == 12
    assert {status for (name, _), status in found.items() if name == "dies"} == {"crashed"}
    assert {status for (name, _), status in found.items() if name != "dies"} == {"ok"}
