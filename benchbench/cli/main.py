"""The command `benchbench`: how an error, and an interrupt, reaches the user."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from benchbench.cli.verbs import app
from benchbench.errors import BenchbenchError, StoreError
from benchbench.files import must_have_a_current_folder
from benchbench.interrupts import ignore_interrupts
from benchbench.printable import own_lines
from benchbench.streams import open_missing_streams, output_failure, safe_streams

INTERRUPTED = 130


def main() -> None:
    """Run the command line; turn errors into messages and exit codes."""
    open_missing_streams()
    for ending in (signal.SIGTERM, signal.SIGHUP):  # under `nohup` one is ignored, and shall be
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, _interrupt)
    with safe_streams():
        code = _run()
        if failure := output_failure():
            reason = failure.strerror or failure
            print(f"error: cannot write to standard output: {reason}", file=sys.stderr)
            code = code or 1
    sys.exit(code)


def _run() -> int:
    try:
        must_have_a_current_folder()
        # Not by a call of `app`: it makes of an interrupt an exit code, and drops what was noted.
        command = typer.main.get_command(app)
        with command.make_context("benchbench", sys.argv[1:]) as context:
            command.invoke(context)
        return 0
    except BenchbenchError as error:
        print(own_lines(f"error: {error}"), file=sys.stderr)
        return error.exit_code
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort) as interrupt:
        ignore_interrupts()
        # Of a record that could not be saved, a note says where it is.
        told = ["interrupted; what had finished is saved", *getattr(interrupt, "__notes__", [])]
        print(own_lines("\n".join(told)), file=sys.stderr)
        return INTERRUPTED
    except OSError as error:  # a full disk, too many open files: no fault of ours
        place = f" ({error.filename})" if error.filename else ""
        print(own_lines(f"error: {error.strerror or error}{place}"), file=sys.stderr)
        return StoreError.exit_code
    except Exception as error:
        show = getattr(error, "show", None)  # click's own usage errors print themselves
        if show is None:
            raise
        show()
        return getattr(error, "exit_code", 2)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
