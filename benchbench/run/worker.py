"""One run, in its own process: `python -m benchbench.run.worker --baton FD --events FD`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import TYPE_CHECKING

from benchbench.certify import crash
from benchbench.errors import BenchbenchError, Unavailable, Unsupported
from benchbench.measure.clock import now_ns
from benchbench.records import Status
from benchbench.run.channel import ConductorGone, WorkerEnd
from benchbench.run.encoding import plain_text
from benchbench.run.excerpt import excerpt
from benchbench.run.messages import Event, Finished, GaveUp, RunRequest
from benchbench.run.single_run import SingleRun

if TYPE_CHECKING:
    from collections.abc import Callable

_TRACEBACK_CHARACTERS = 20_000  # of its beginning, and of its end


def main() -> None:
    """Read the request, wait for the baton, do the run, say how it went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--baton", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    options = parser.parse_args()
    channel = WorkerEnd(baton=options.baton, events=options.events)
    try:
        request = channel.request()
        if request.cpus is not None:
            os.sched_setaffinity(0, request.cpus)
        channel.send(execute(request, channel.hand_over))
    except ConductorGone:
        sys.exit(1)


def execute(
    request: RunRequest,
    hand_over: Callable[[Event], None],
    clock: Callable[[], int] = now_ns,
) -> Finished | GaveUp:
    """Do one run in this process; return how it ended, whatever the plugin did.

    `hand_over` gives an event to the conductor and blocks until it is this worker's turn again.
    `clock` returns nanoseconds.
    """
    run = SingleRun(request, hand_over, clock)
    try:
        run.prepare()
        run.train()
        return Finished(run.judge(), run.waiting_cpu_seconds, run.watched_seconds)
    except ConductorGone:
        raise
    except (Unsupported, Unavailable) as error:
        return GaveUp("skipped", plain_text(error))
    except BenchbenchError as error:
        return GaveUp("failed", plain_text(error), _traceback())
    # What a plugin or its framework raises, whatever it is, is this run's result.
    except (Exception, SystemExit) as error:
        told = ": ".join(filter(None, [type(error).__name__, plain_text(error)]))
        reason = f"{told}{crash.place(error)}"
        return GaveUp(_failure(error), reason, _traceback())


def _traceback() -> str:
    return excerpt(traceback.format_exc(), head=_TRACEBACK_CHARACTERS, tail=_TRACEBACK_CHARACTERS)


def _failure(error: BaseException) -> Status:
    """Tell running out of memory from the rest: every framework has a name of its own for it."""
    words = f"{type(error).__name__} {plain_text(error)}".lower()
    signs = ("outofmemory", "out of memory", "can't allocate memory", "resourceexhausted")
    return "oom" if isinstance(error, MemoryError) or any(s in words for s in signs) else "failed"


if __name__ == "__main__":
    main()
