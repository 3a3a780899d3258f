"""A command whose standard descriptors are closed (`<&-`, `>&-`, `2>&-`) runs all the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

ALL = (0, 1, 2)


@pytest.mark.parametrize("closed", [pytest.param((1,), marks=pytest.mark.exhaustive), ALL])
def test_a_run_works(command, closed):
    words = [
        "-m",
        "benchbench",
        "run",
        "--backend",
        "null",
        "--model",
        "single-layer",
        "--threads",
        "1",
    ]
    words += ["--dataset", str(command.dataset), "--epochs", "1", "--no-certify"]
    words += ["--results", str(command.results)]
    redirections = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, *words],
        env=command.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, command.record().status) == (0, "ok"), done.stderr
    assert "Traceback" not in done.stderr


TAKES = """
import os
for number in (0, 1, 2):
    os.close(number)
from benchbench.run.channel import ConductorEnd
end = ConductorEnd()
numbers = (end.worker_baton, end.worker_events, end.fileno())
raise SystemExit(0 if min(numbers) > 2 else 1)
"""


def test_the_pipes_of_a_worker_take_the_place_of_no_standard_descriptor():
    assert subprocess.run([sys.executable, "-c", TAKES], check=False).returncode == 0
