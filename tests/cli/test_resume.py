"""`benchbench run --resume`, as a user types it."""

from __future__ import annotations

import signal
import sys

from waiting import PATIENCE_SECONDS, wait_until

from benchbench.cli import main


def test_the_command_line_says_how_to_go_on_and_goes_on(command):
    process = command.start(
        *("run", "--backend", "slow", "--model", "single-layer", "--blocks", "2"),
        *("--epochs", "2", "--threads", "1", "--no-certify"),
        *("--dataset", str(command.dataset), "--results", str(command.results)),
    )
    runs = command.results / "runs"
    wait_until(lambda: process.poll() is not None or list(runs.glob("*-000-*.json")))
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "slow" in stdout, "what there is has its table"
    (words,) = [line for line in stderr.splitlines() if line.startswith("go on with: benchbench ")]
    arguments = words.removeprefix("go on with: benchbench ").split()
    refused = command(*arguments, "--epochs", "3")
    assert refused.returncode == 2
    assert "--results, --wide and --json, but there is --ep" in refused.stderr
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    assert sorted(record.block for record in command.records() if record.status == "ok")[:1] == [0]
    assert sum(record.status == "ok" for record in command.records()) == 2


def test_other_options_beside_resume_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchbench", "run", "--resume", "x", "--epochs", "3"])
    assert main._run() == 2
    assert "--results, --wide and --json, but there is --epochs" in capsys.readouterr().err
