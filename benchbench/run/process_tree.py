"""A worker with all that it started, wherever that has gone: found by a mark, ended together.

A process that moves into a session of its own, or whose parent is dead, is no longer found by its
group or its parent. It still has the environment that it was started with: so every worker gets a
variable of its own there, which all that it starts inherits.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

import psutil

MARK_VARIABLE = "BENCHBENCH_WORKER_MARK"
# What starts others faster than they are ended has so many rounds to run out of luck.
_ROUNDS = 20


def end_tree(process: subprocess.Popen[bytes], mark: str) -> None:
    """End the process, if it is still there, and every process that bears the mark or descends."""
    members = _descendants(process.pid) if process.poll() is None else []
    if process.returncode is None:
        # Its group first, in one call: nobody in it can start another meanwhile.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
    for _ in range(_ROUNDS):
        members = [one for one in (*members, *_marked(mark)) if _alive(one)]
        if not members:
            return
        for member in members:
            with suppress(psutil.Error):
                member.kill()
        # Those that are no children of ours are reaped by another, in its own time.
        psutil.wait_procs(members, timeout=0.1)


def _descendants(root: int) -> list[psutil.Process]:
    try:
        return psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return []


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK_VARIABLE) == mark:
                found.append(process)
    return found


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
