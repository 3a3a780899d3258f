"""The command `benchbench`: the verbs, and how an error reaches the user."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from benchbench.cli import (
    certify,
    compare,
    conform,
    data,
    describe,
    doctor,
    gate,
    list_,
    new_backend,
    report,
    results,
    run,
    selftest,
)
from benchbench.cli.descriptors import open_missing_streams
from benchbench.cli.streams import output_failure, safe_streams
from benchbench.errors import BenchbenchError
from benchbench.interrupts import ignore_interrupts
from benchbench.printable import own_lines

INTERRUPTED = 130

app = typer.Typer(
    name="benchbench",
    help="Which framework trains my network faster here, and do they even train the same thing?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("certify")(certify.certify)
app.command("list")(list_.list_)
app.command("describe")(describe.describe)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("gate")(gate.gate)
app.add_typer(data.app, name="data", help="The data sets: status, fetch, verify.")
app.add_typer(results.app, name="results", help="Saved records: pack, unpack, verify.")
app.command("selftest")(selftest.selftest)
app.command("doctor")(doctor.doctor)
app.command("conform")(conform.conform)
app.command("new-backend")(new_backend.new_backend)


def main() -> None:
    """Run the command line; turn errors into messages and exit codes."""
    open_missing_streams()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # Under `nohup` one is ignored, and shall be.
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
    except Exception as error:
        show = getattr(error, "show", None)  # click's own usage errors print themselves
        if show is None:
            raise
        show()
        return getattr(error, "exit_code", 2)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
