"""The judge of `studies/soak.py` sees each thing that may not be; its draws are repeatable."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
from types import SimpleNamespace

import psutil
import pytest
import soak
import soaker
from makers import make_record
from soak_faults import draw
from waiting import PATIENCE_SECONDS, wait_until

from benchbench.run.store import Store

TRIAL = soaker.Trial(
    number=0,
    backends=("raises-in-fit",),
    allowed=frozenset(),
    options=("--blocks", "1"),
    strike=None,
    redirections="",
    planted=(),
    guilty=None,
    read_with=("report", "--results"),
    faults=("worker: raises-in-fit",),
)
TOLD = """data
 failed  single-layer raises-in-fit idiomatic (block 0): the sky fell
     ok  single-layer numpy idiomatic (block 0): test accuracy 0.6550
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Give a command after which all holds."""
    monkeypatch.setattr(soaker, "STRAY_SECONDS", 0.0)
    mark = {soaker.MARK: str(tmp_path), "SOAK_BEGAN": "2026"}
    place = soaker.Place(tmp_path / "trial", os.environ | mark)
    place.stderr.write_text(TOLD)
    for name, status in {"raises-in-fit": "failed", "numpy": "ok"}.items():
        changes = {"model": "single-layer", "backend": name, "run_id": f"2-{name}"}
        Store(place.results).save(make_record(status=status, error="e", **changes))
    return SimpleNamespace(trial=TRIAL, place=place, hung=False, struck=False)


def judge(run, code=1) -> str:
    return "; ".join(soaker.violations(run, code))


def test_nothing_is_said_where_all_holds(run):
    assert judge(run) == ""


def test_a_record_that_is_lost_is_seen(run):
    (run.place.runs / "2-numpy.json").rename(run.place.runs / "elsewhere")
    assert "told of numpy (block 0): ok; its record: None" in judge(run)
    assert "the innocent run of block 0: None" in judge(run)


def test_a_record_in_the_refuge_or_in_the_message_is_none_that_is_lost(run):
    path = run.place.runs / "2-numpy.json"
    kept = path.rename(run.place.refuge / path.name)
    assert judge(run) == f"nothing says that a record lies in {kept}"
    run.place.stderr.write_text(f"{TOLD}error: no room; it is kept as {kept}: move it")
    assert judge(run) == ""
    run.place.stderr.write_text(f"{TOLD}error: no room; it follows:\n{kept.read_text()}")
    kept.unlink()
    assert judge(run) == ""


def test_a_torn_record_is_seen(run):
    (run.place.runs / "2-torn.json").write_text("{")
    assert judge(run).startswith("a record that is not whole")


def test_a_wrong_ok_is_seen(run):
    run.trial = dataclasses.replace(TRIAL, backends=("numpy",))
    Store(run.place.results).save(make_record(run_id="2-x", backend="raises-in-settings"))
    assert judge(run) == "wrong ok: raises-in-settings"


@pytest.mark.parametrize("code", [-11, 134, 4])
def test_a_wrong_exit_code_is_seen(run, code):
    assert judge(run, code) == f"exit code {code}"


def test_a_traceback_of_the_command_is_seen_and_one_of_a_worker_is_none(run):
    trace = 'Traceback (most recent call last):\n  File "benchbench/run/worker.py"\nValueError: x\n'
    run.place.stderr.write_text(TOLD + trace)
    assert judge(run) == ""
    run.place.stderr.write_text(TOLD + trace.replace("run/worker", "cli/main"))
    assert judge(run) == "a traceback: ValueError: x"


def test_a_signal_that_is_not_heeded_is_seen(run):
    run.struck = True
    run.trial = dataclasses.replace(TRIAL, strike=soaker.Strike("SIGTERM", "file", 0.0))
    assert judge(run, 1) == "", "its last run was over"
    assert judge(run, -signal.SIGTERM) == "exit code -15", "there was something to save"
    run.place.stderr.write_text(TOLD.splitlines()[0])
    assert "before the last run was over" in judge(run, 1)


def test_an_interrupt_that_is_not_told_is_seen(run):
    assert judge(run, 130) == "it does not say that it was interrupted"
    run.place.stderr.write_text(f"{TOLD}interrupted; what had finished is saved")
    assert judge(run, 130) == ""


def test_what_lives_on_is_seen_and_ended(run):
    left = subprocess.Popen(["/bin/sleep", "300"], env=run.place.environment)
    try:
        # The system shows the environment of a new process a moment after the process itself.
        wait_until(lambda: psutil.Process(left.pid).environ())
        assert judge(run) == "lives on: /bin/sleep 300"
        assert left.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    finally:
        left.kill()
        left.wait()


def test_a_trial_can_be_repeated_and_is_counted(run):
    trials = [draw(number, 1) for number in range(30)]
    assert trials == [draw(number, 1) for number in range(30)]
    assert trials != [draw(number, 2) for number in range(30)]
    text = soak.summary([soak.Outcome(TRIAL, 1, ()), soak.Outcome(TRIAL, 1, ("x",))], 1, 60.0)
    assert "| worker: raises | 2 | 1 |" in text
    assert "- x" in text
