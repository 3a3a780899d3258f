"""One question to a backend in a process of its own, which may hang or crash: bytes in, bytes out.

The question goes in by the standard input, the answer comes back by what was the standard output;
whatever a framework prints goes to stderr.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchbench.plugins.contract import BackendInfo
from benchbench.run.environment import worker_environment

_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back: the answer, or None with what happened in place of one."""

    answer: bytes | None
    trouble: str
    log: str


def ask(
    module: str, question: bytes, *, info: BackendInfo, threads: int, timeout_seconds: float
) -> Returned:
    """Run `python -m module` in a worker's environment, ask, and wait for its answer.

    Ctrl-C ends the process and is passed on.
    """
    with tempfile.TemporaryDirectory(prefix="benchbench-") as home:
        return exchange(
            [sys.executable, "-m", module],
            question,
            environment=worker_environment(os.environ, info=info, threads=threads, home=Path(home)),
            timeout_seconds=timeout_seconds,
        )


def exchange(
    command: Sequence[str],
    question: bytes,
    *,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> Returned:
    """Start a command, give it the question, and wait for what it writes and for its end."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        answer, noise = process.communicate(question, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        return Returned(None, f"it gave no answer within {timeout_seconds:g} s", "")
    finally:
        _end(process)
    log = noise.decode(errors="replace")
    if process.returncode == 0 and answer:
        return Returned(answer, "", log)
    last = (log.strip().splitlines() or ["it said nothing"])[-1]
    return Returned(None, f"its process {_ending(process.returncode)}: {last}", log)


def answer(work_out: Callable[[bytes], bytes]) -> None:
    """Be the process: read the question, write the answer."""
    # Frameworks print on stdout; what they print must not reach the answer.
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    told = work_out(sys.stdin.buffer.read())
    with os.fdopen(pipe, "wb") as file:
        file.write(told)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that is still there; first ask it to, so that it can end those it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_FAREWELL_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with {code}"
