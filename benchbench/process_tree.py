"""A process with all that it starts, wherever that goes: found by a mark, ended together.

A process that moves into a session of its own, or whose parent is dead, is no longer found by its
group or its parent. It still has the environment that it was started with: so there is a variable
in it with a value of its own, which all that it starts inherits.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_MARK_VARIABLE = "BENCHBENCH_PROCESS_MARK"
# What starts others faster than they are ended has so many rounds to run out of luck.
_ROUNDS = 20
_ROUND_SECONDS = 0.1
_REAP_SECONDS = 5.0
# Reads until the pipe from this process closes, then kills the group and, where there is /proc,
# what bears the mark.
_WATCH = """
read _
kill -KILL "-$0"
grep -lsxzF "$1" /proc/[0-9]*/environ | cut -d / -f 3 | xargs -r kill -KILL
"""

Stream = int | IO[bytes] | None


class ProcessTree:
    """A process in a session of its own, that does not outlive this one, however this one ends."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        stdin: Stream,
        stdout: Stream,
        stderr: Stream,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._mark = secrets.token_hex(16)
        self._ended = False
        self.process = subprocess.Popen(
            command,
            env={**environment, _MARK_VARIABLE: self._mark},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            # Ctrl-C is for this process, which then ends that one.
            start_new_session=True,
        )
        try:
            self._watch = _watch_over(self.process.pid, self._mark)
        except BaseException:
            self.process.kill()
            raise

    def end(self) -> None:
        """End what is still there: the process, what descends from it, what bears its mark."""
        if self._ended:
            return
        members = [] if self.process.poll() is not None else _descendants(self.process.pid)
        if self.process.returncode is None:
            # Its group first, in one call: nobody in it can start another meanwhile.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_REAP_SECONDS)
        _end_all(members, self._mark)
        self._watch.kill()
        self._watch.wait()
        if self._watch.stdin is not None:
            self._watch.stdin.close()
        self._ended = True


def _end_all(members: Sequence[psutil.Process], mark: str) -> None:
    import psutil

    for _ in range(_ROUNDS):
        members = [one for one in (*members, *_marked(mark)) if _alive(one)]
        if not members:
            return
        for member in members:
            with suppress(psutil.Error):
                member.kill()
        # Those that are no children of ours are reaped by another, in its own time.
        psutil.wait_procs(members, timeout=_ROUND_SECONDS)


def _descendants(root: int) -> list[psutil.Process]:
    import psutil

    try:
        return psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return []


def _marked(mark: str) -> list[psutil.Process]:
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(_MARK_VARIABLE) == mark:
                found.append(process)
    return found


def _alive(process: psutil.Process) -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _watch_over(group: int, mark: str) -> subprocess.Popen[bytes]:
    """Start what kills a process group, and what bears the mark, when this process is gone."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, str(group), f"{_MARK_VARIABLE}={mark}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
