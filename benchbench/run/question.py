"""One question to a backend in a process of its own, which may hang or crash: bytes in, bytes out.

The question goes in by the standard input, the answer comes back by what was the standard output;
whatever a framework prints goes to stderr.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from benchbench.children import ANSWER_BYTES, AnswerTooLong, Child, answer_pipe, ending
from benchbench.plugins.contract import BackendInfo
from benchbench.run.environment import worker_environment
from benchbench.run.plan import HERE, Environment

# So much of the last line that a process printed goes into a sentence.
_LAST_LINE = 200


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back: the answer, or None with what happened in place of one."""

    answer: bytes | None
    trouble: str
    log: str


def ask(
    module: str,
    question: bytes,
    *,
    info: BackendInfo,
    threads: int,
    timeout_seconds: float,
    heard: Callable[[str], None] | None = None,
    place: Environment = HERE,
) -> Returned:
    """Run `python -m module` in a worker's environment, ask, and wait for its answer.

    `heard` is told how far it is, by what it says with `tell_progress`. `place` is another
    environment than this process's. Ctrl-C ends the process and is passed on.
    """
    with tempfile.TemporaryDirectory(prefix="benchbench-") as home:
        environment = worker_environment(
            os.environ, info=info, threads=threads, home=Path(home), place=place
        )
        return exchange(
            [place.python or sys.executable, "-m", module],
            question,
            environment=environment,
            timeout_seconds=timeout_seconds,
            heard=heard,
        )


def exchange(
    command: Sequence[str],
    question: bytes,
    *,
    environment: Mapping[str, str],
    timeout_seconds: float,
    heard: Callable[[str], None] | None = None,
) -> Returned:
    """Start a command, give it the question, and wait for what it writes and for its end."""
    with Child(command, question, environment=environment) as child:
        try:
            answer = child.read_answer(timeout_seconds, heard)
        except AnswerTooLong:
            trouble = f"its answer is longer than {ANSWER_BYTES >> 20} MiB"
            return Returned(None, trouble, child.log)
        log, code = child.log, child.code
    if answer is None or code is None:
        return Returned(None, f"it gave no answer within {timeout_seconds:g} s", log)
    if code == 0 and answer:
        return Returned(answer, "", log)
    last = (log.strip().splitlines() or ["it said nothing"])[-1][:_LAST_LINE]
    return Returned(None, f"its process {ending(code)}: {last}", log)


def answer(work_out: Callable[[bytes], bytes]) -> NoReturn:
    """Be the process: read the question, write the answer, and end.

    At once: a thread that a plugin left running, or what it does at exit, holds up nobody.
    """
    code = 1
    try:
        with answer_pipe() as pipe:
            pipe.write(work_out(sys.stdin.buffer.read()))
        code = 0
    # What a plugin raises, SystemExit too, is no answer; the traceback's last line says what.
    except BaseException:
        # What was printed before comes before: it may still be in the buffer.
        sys.stdout.flush()
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
