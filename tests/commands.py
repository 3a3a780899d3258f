"""The command `benchbench` in a process of its own, forked from this one.

A fork has imported everything already: starting Python and importing the command line is most of
what a command costs. It hears signals, has its own environment, folder and streams, and ends as
`python -m benchbench` ends; what a test has patched in this process is patched in it too.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchbench.cli import main

# Where Python imports from when it starts, without PYTHONPATH.
_AT_START = [
    folder for folder in sys.path if folder not in os.environ.get("PYTHONPATH", "").split(":")
]


def start_forked(
    arguments: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int] = (), **options
) -> subprocess.Popen[str]:
    """Start the command; options are those of Popen."""

    def in_the_fork() -> None:
        try:
            # As Python has it when it starts; Popen has just undone it.
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            # Also the pipe by which Popen waits until another program runs.
            _close_all_but({0, 1, 2, *pass_fds})
            _become_the_command(arguments, env)
        finally:
            os._exit(1)

    command = [sys.executable, "-m", "benchbench", *arguments]
    return subprocess.Popen(
        command,
        env=env,
        pass_fds=pass_fds,
        restore_signals=False,  # SIGPIPE is ignored, as Python ignores it when it starts
        preexec_fn=in_the_fork,  # noqa: PLW1509 - no other thread of pytest's is at work
        **options,
    )


def _become_the_command(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Do what `python -m benchbench` does and end the process."""
    gc.freeze()  # what this process has from the test's is not for it to clear away
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    own = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    sys.path[:] = [str(Path.cwd()), *own, *_AT_START]
    importlib.invalidate_caches()
    sys.argv[:] = ["benchbench", *arguments]
    _open_streams()
    _forget_answers()
    _warn_as_python_does()
    code: object = 1
    try:
        main.main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _open_streams() -> None:
    """Open the standard streams as Python does: what goes to stderr is there at once."""
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _forget_answers() -> None:
    """Empty every cache of a function of benchbench: a command begins with none."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "benchbench":
            for value in list(vars(module).values()):
                if forget := getattr(value, "cache_clear", None):
                    forget()


def _warn_as_python_does() -> None:
    """Undo pytest's filters of warnings: a user sees all but these four kinds."""
    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)


def _close_all_but(kept: set[int]) -> None:
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        if number not in kept:
            with suppress(OSError):  # the listing's own is closed by now
                os.close(number)
