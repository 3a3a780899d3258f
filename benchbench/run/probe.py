"""Ask a backend, in a process of its own, what it finds here: devices, divisions, versions.

Only an imported framework can tell its devices, and an imported framework may hang or crash.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from benchbench.errors import BenchbenchError
from benchbench.measure.machine import physical_cores
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.registry import load_registry
from benchbench.run.environment import worker_environment


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend answered; `error` is null if it did."""

    backend: str
    devices: tuple[str, ...] = ()
    divisions: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    error: str | None = None


def probe(info: BackendInfo, *, timeout_seconds: float = 120.0) -> Probe:
    """Import the backend in a new process with a worker's environment, and return its answer."""
    with tempfile.TemporaryDirectory(prefix="benchbench-") as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchbench.run.probe", info.name],
            env=worker_environment(
                os.environ, info=info, threads=physical_cores(), home=Path(home)
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            answer, noise = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            return Probe(backend=info.name, error=f"it gave no answer within {timeout_seconds:g} s")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
    return _decode(info.name, answer, noise.decode(errors="replace"), process.returncode)


def _decode(backend: str, answer: bytes, noise: str, exit_code: int) -> Probe:
    try:
        return msgspec.json.decode(answer, type=Probe)
    except msgspec.MsgspecError:
        last = (noise.strip().splitlines() or ["it said nothing"])[-1]
        return Probe(backend=backend, error=f"its process ended with {exit_code}: {last}")


def main() -> None:
    """Answer for the backend named on the command line, as JSON on the standard output."""
    # Frameworks print on stdout; what they print must not reach the answer.
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    answer = _answer(sys.argv[1])
    with os.fdopen(pipe, "wb") as file:
        file.write(msgspec.json.encode(answer))


def _answer(name: str) -> Probe:
    try:
        backend = load_registry().backend(name).create()
        said = {
            "backend": name,
            "devices": backend.devices(),
            "divisions": backend.divisions,
            "versions": backend.versions(),
        }
        return msgspec.convert(msgspec.to_builtins(said, enc_hook=str), Probe)
    except BenchbenchError as error:
        return Probe(backend=name, error=str(error))
    # A backend is a stranger's code: whatever it raises, SystemExit too, is an answer.
    except BaseException as error:
        return Probe(backend=name, error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
