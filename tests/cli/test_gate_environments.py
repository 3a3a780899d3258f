"""`benchbench gate --against BACKEND@ENV`, and a revision under another environment."""

from __future__ import annotations

import json
import sys

import pytest
from gated import SLOWER, last


@pytest.fixture
def environment(tmp_path):
    """Give an environment that is this one under another name."""
    python = tmp_path / "old" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(tmp_path / "old")


def test_a_backend_is_compared_with_another_environments(gate, environment):
    done = gate(
        "--against", f"sleeper@{environment}", "--json", "--blocks", "2", "--max-blocks", "2"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["own"], report["other"]) == ("this environment", "sleeper@old")
    assert (report["commit"], report["ref_commit"]) == (None, None)
    assert report["rows"][0]["first"]["contrast"]["verdict"] == "SAME"
    labels = {record.variant.label for record in gate.command.records()}
    assert labels == {"this environment", "@old"}


@pytest.mark.exhaustive
def test_no_checkout_is_needed_for_two_environments(gate, environment, tmp_path):
    words = ("--against", f"sleeper@{environment}", "--backend", f"sleeper@{environment}")
    done = gate(*words, "--blocks", "2", "--max-blocks", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the environment is compared with itself" in done.stderr
    assert last(done.stdout).startswith("PASS: 1 SAME")


@pytest.mark.exhaustive
def test_a_revision_runs_under_another_environment(gate, environment):
    gate.plant(SLOWER)
    done = gate("--against", f"main@{environment}", "--blocks", "2", "--max-blocks", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "under old" in done.stdout
    assert last(done.stdout).startswith("FAIL: single-layer sleeper idiomatic: SLOWER: 1.3")
    assert gate.leaves_nothing()


BAD = {
    "nothing behind": (["--against", "sleeper@"], 2, "expected a revision (main), a backend of"),
    "nothing there": (["--against", "sleeper@nowhere"], 3, "there is no environment 'nowhere'"),
    "neither": (["--against", "slepper@{}"], 2, "'slepper' is neither a backend"),
    "another backend": (
        ["--against", "sleeper@{}", "--backend", "slow"],
        2,
        "--backend names 'slow'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_trains_nothing(gate, case, environment):
    arguments, code, message = BAD[case]
    done = gate(*(one.replace("{}", environment) for one in arguments))
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert not gate.command.records()
