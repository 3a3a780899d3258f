"""A process that is asked one question and may hang, crash, print without end, leave others behind.

The question is its standard input; the answer comes back by a pipe that was its standard output.
Without a question the standard input stays open, and it is told one line after another.
It ends when it is told to, or with this process, however this one ends.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Self

from benchbench.interrupts import interrupts_wait
from benchbench.process_tree import ProcessTree

# The most that is taken of an answer, and the end that is kept of what is printed.
ANSWER_BYTES = 32 << 20
LOG_BYTES = 1 << 20

# How often to look whether the process has ended while another still holds its pipes.
_TICK_SECONDS = 0.1
_DRAIN_SECONDS = 1.0
_CHUNK = 1 << 16


# Begins a line of progress among what a process prints.
_PROGRESS = b"\x1ebenchbench: "


def tell_progress(words: str) -> None:
    """Say, in such a process, how far it is: a line for `heard` of `Child.read_answer`."""
    os.write(2, _PROGRESS + words.encode(errors="replace") + b"\n")


class AnswerTooLong(Exception):  # noqa: N818 - what happened, said by whoever asked
    """The process wrote more than `ANSWER_BYTES`."""


class Child:
    """A process in a session of its own. A context: it and its group do not outlive the block."""

    def __init__(
        self, command: Sequence[str], question: bytes | None, *, environment: Mapping[str, str]
    ) -> None:
        with tempfile.TemporaryFile() as asked:
            asked.write(question or b"")
            asked.seek(0)
            self._tree = ProcessTree(
                command,
                environment=environment,
                stdin=subprocess.PIPE if question is None else asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        self._process = self._tree.process
        self._answer, self._log, self._heard = bytearray(), bytearray(), ""
        self._selector = selectors.DefaultSelector()
        for pipe, kept in ((self._process.stdout, self._answer), (self._process.stderr, self._log)):
            assert pipe is not None  # noqa: S101 - asked for above
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal, None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """The end of what it printed so far, without its lines of progress."""
        lines = bytes(self._log).splitlines(keepends=True)
        return b"".join(one for one in lines if not one.startswith(_PROGRESS)).decode(
            errors="replace"
        )

    def say(self, line: bytes) -> None:
        """Give it a line more. One that has ended is told nothing: `read_line` says that it has."""
        assert self._process.stdin is not None  # noqa: S101 - it was started without a question
        with suppress(BrokenPipeError):
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def read_line(self, seconds: float) -> bytes | None:
        """Return its next line, empty if it ended without one, None where time ran out.

        Raises AnswerTooLong.
        """
        if not self._read(seconds, lambda: b"\n" in self._answer):
            return None
        line, newline, _ = self._answer.partition(b"\n")
        if not newline:
            return b""
        del self._answer[: len(line) + 1]
        return bytes(line)

    def read_answer(
        self, seconds: float, heard: Callable[[str], None] | None = None
    ) -> bytes | None:
        """Return all it wrote until it ended, None where time ran out. Raises AnswerTooLong.

        `heard` is told of the latest line of `tell_progress`, as it comes.
        """

        def listen() -> bool:
            if heard and (news := self._progress()) and news != self._heard:
                self._heard = news
                heard(news)
            return False

        return bytes(self._answer) if self._read(seconds, listen) else None

    def _progress(self) -> str:
        """Return the latest whole line of progress in what was printed, without its mark."""
        start = self._log.rfind(_PROGRESS)
        end = self._log.find(b"\n", start)
        if start < 0 or end < 0:
            return ""
        return self._log[start + len(_PROGRESS) : end].decode(errors="replace")

    def end(self) -> None:
        """Kill it and all it started that can be found.

        A Ctrl-C that comes meanwhile waits until they are gone.
        """
        with interrupts_wait():
            self._tree.end()
            self._selector.close()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()

    def _read(self, seconds: float, enough: Callable[[], bool]) -> bool:
        """Read until there is enough or it has ended; False where time ran out."""
        deadline = time.monotonic() + seconds
        ended = False
        while not enough():
            if not ended and self._process.poll() is not None:
                # What it wrote is there already; what others write into its pipes may never end.
                ended, deadline = True, time.monotonic() + _DRAIN_SECONDS
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return ended
            if not self._take_some(0 if ended else min(_TICK_SECONDS, remaining)) and ended:
                return True
        return True

    def _take_some(self, seconds: float) -> bool:
        """Wait so long at most for something to read, and read it; say whether there was any."""
        if not self._selector.get_map():
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return False
        events = self._selector.select(seconds)
        for key, _ in events:
            self._take(key.fileobj, key.data)  # type: ignore[arg-type] # pipes of Popen
        return bool(events)

    def _take(self, pipe: IO[bytes], kept: bytearray) -> None:
        chunk = os.read(pipe.fileno(), _CHUNK)
        if not chunk:
            self._selector.unregister(pipe)
        kept += chunk
        if kept is self._log:
            del kept[:-LOG_BYTES]
        elif len(kept) > ANSWER_BYTES:
            raise AnswerTooLong


def answer_pipe() -> IO[bytes]:
    """Be the process: return the pipe for the answer. What is printed from now on goes to stderr.

    Frameworks print on the standard output; what they print must not reach the answer.
    """
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(pipe, "wb")


def ending(code: int) -> str:
    """Say how a process ended: "ended with exit code 3", "was killed by signal 11 (SIGSEGV)"."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name of its own
        name = "a real-time signal"
    return f"was killed by signal {-code} ({name})"
