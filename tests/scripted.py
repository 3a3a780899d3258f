"""Workers that are shell scripts in place of Python: they start in milliseconds.

In a script `say EVENT` sends an event as the worker's main loop does; `$events` is the descriptor
of the pipe, `$baton` of that from which the request and the turns are read.
"""

from __future__ import annotations

from pathlib import Path

from benchbench import BackendInfo
from benchbench.records import DatasetChoice
from benchbench.run.plan import Cell, Environment, PlannedRun, Session
from benchbench.run.process import WorkerProcess
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

INFO = BackendInfo("scripted", (), lambda: None, environment=(("DECLARED", "here"),))
READY = """say '"type":"Ready"'"""
BUILT = """say '"type":"Built","device":"cpu"'"""
FINISHED = """say '"type":"Finished","outcome":{}'"""
TURN = "head -c 1 <&$baton >/dev/null"
# Nobody writes into the pipe of the request: the script is there until it is killed.
FOREVER = "cat <&$baton >/dev/null"

_BEGINNING = r"""#!/bin/bash
baton=$4 events=$6 sequence=0
read -r request <&$baton
nonce=${request##*\"nonce\":\"} nonce=${nonce%%\"*}
say() { echo "{$1,\"nonce\":\"$nonce\",\"sequence\":$sequence}" >&$events; sequence=$((sequence + 1)); }
"""  # noqa: E501 - a line of a script


def planned(python: str, *, variables=None, import_path=()) -> PlannedRun:
    """Plan the run of a worker that this program is."""
    environment = Environment(python=python, variables=variables, import_path=import_path)
    session = Session(
        cells=(Cell("scripted", "idiomatic", MODELS["single-layer"], environment=environment),),
        protocol=TrainingProtocol(),
        dataset=DatasetChoice("digits"),
        device="cpu",
        threads=3,
        cpus=None,
        seed=0,
    )
    (group,) = session.block(0)
    return group.runs[0]


def script(folder: Path, *lines: str) -> str:
    """Write a script; return its path."""
    path = folder / "python"
    path.write_text(_BEGINNING + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


def start(folder: Path, *lines: str, timeout_seconds: float = 60.0, **options) -> WorkerProcess:
    """Start a script as a worker."""
    run = planned(script(folder, *lines), **options)
    return WorkerProcess(run, INFO, timeout_seconds=timeout_seconds)
