"""A backend that misbehaves costs its own run and no other, and leaves a true record.

These are real runs, from the command line to the record; what needs no process for its proof is in
`test_worker.py`, `test_process.py` and `test_conductor.py`.
"""

from __future__ import annotations

import pytest

ENDINGS = [
    ("dies", "crashed", "signal 11 (SIGSEGV)", 1),
    ("scribbles", "crashed", "not an event", 1),
    ("raises", "failed", "RuntimeError: the sky fell", 1),
    ("refuses", "skipped", "there is no pool in this framework", 3),
    ("lies", "invalid", "metric recomputed: expected evaluate: 0.9900", 1),
    ("unfinished", "invalid", "the process was still at work", 1),
    ("drains-late", "invalid", "the first read of the parameters took", 1),
    ("trains-in-validation", "invalid", "validation time: expected at most 0.05", 1),
    ("trains-afterwards", "invalid", "fit changed the parameters after its last epoch", 1),
]


@pytest.mark.parametrize(("backend", "status", "reason", "code"), ENDINGS)
def test_each_ending_is_recorded_with_its_reason(command, backend, status, reason, code):
    done = command.run(backend, "--epochs", "3")
    record = command.record()
    assert (done.returncode, record.status) == (code, status), done.stderr
    assert reason in record.error
    assert reason.split(":")[0] in done.stdout, "the table shows the failure"
    if record.log:
        assert (command.results / "runs" / record.log).read_text().strip()
    if status == "failed":
        assert reason in record.traceback


def test_what_a_worker_prints_goes_to_the_log_and_a_crash_costs_no_other_run(command):
    done = command.run("prints", "--backend", "dies", "--backend", "null")
    assert done.returncode == 1
    found = {record.backend: record.status for record in command.records()}
    assert found == {"prints": "ok", "dies": "crashed", "null": "ok"}
    assert "garbage" not in done.stdout
