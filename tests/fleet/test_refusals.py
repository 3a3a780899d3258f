"""What makes no sense with blocks elsewhere is refused, with what to do, before anything runs."""

from __future__ import annotations

import pytest

SLURM = ("--executor", "slurm")
DASK = ("--executor", "dask")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--detach",), 2, "--detach: blocks of the executor 'local' end with the command"),
        (("--executor-options", "x.toml"), 2, "the executor 'local' takes none"),
        (("--executor", "slrum"), 2, "there is no executor 'slrum', did you mean 'slurm'?"),
        ((*SLURM, "--executor-options", "nowhere.toml"), 2, "expected a TOML file with options"),
        ((*SLURM, "--until", "verdict", "--backend", "slow-too"), 2, "say how many with --blocks"),
        ((*SLURM, "--wait-for-quiet", "9s"), 2, "no block runs here: leave it out"),
        (DASK, 2, "needs the address of a scheduler"),
        ((*DASK, "--executor-options", "tcp://127.0.0.1:1", "--detach"), 2, "loses blocks when"),
    ],
)
def test_a_session_that_makes_no_sense_is_refused(command, arguments, code, told):
    refused = command.run("slow", *arguments)
    assert refused.returncode == code, refused.stderr
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not command.records()
    assert not list((command.results / "sessions").glob("*")), "nothing was planned"


def test_without_slurm_the_exit_code_is_that_of_what_is_not_there(command):
    command.environment["PATH"] = "/nowhere"
    refused = command.run("slow", *SLURM)
    assert refused.returncode == 3
    assert "needs Slurm's commands" in refused.stderr


def test_status_and_cancel_of_a_session_that_is_no_fleet_s(command):
    unknown = command("status", "x", "--results", str(command.results))
    assert unknown.returncode == 2
    assert "there is no session 'x'" in unknown.stderr
    done = command.run("numpy")
    assert done.returncode == 0, done.stderr
    (session,) = [path.stem for path in (command.results / "sessions").glob("*.json")]
    whole = command("status", session, "--results", str(command.results))
    assert whole.returncode == 0, whole.stderr
    assert "the session is whole" in whole.stdout
    refused = command("cancel", session, "--results", str(command.results))
    assert refused.returncode == 2
    assert "press Ctrl-C there" in refused.stderr
