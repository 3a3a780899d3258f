"""Progress on stderr: a bar per run on a terminal, a line per finished run elsewhere.

Nothing is drawn while a worker is at work: no thread refreshes the bars, each event redraws them.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self

from benchbench.compare.contrast import cell_name
from benchbench.printable import own_lines
from benchbench.report.progress import certification_lines, epoch_news, run_line

if TYPE_CHECKING:
    from types import TracebackType

    from benchbench.experiments.certification_messages import Certification
    from benchbench.experiments.listener import Listener
    from benchbench.records import EpochRecord, RunRecord
    from benchbench.run.messages import RunRequest
    from benchbench.testing.outcomes import CaseOutcome

    class Progress(Listener, Protocol):
        """A listener that holds the screen while it is entered."""

        def __enter__(self) -> Self: ...

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None: ...


# So much is shown of what a process printed before it died.
_LOG_LENGTH = 2000


def progress() -> Progress:
    """Return what fits the place where stderr goes."""
    return Bars() if sys.stderr.isatty() else Lines()


def note(text: str) -> None:
    """Say a sentence on stderr."""
    print(own_lines(text), file=sys.stderr, flush=True)


class Certifying:
    """Which rung of which cell is climbed: a line that changes on a terminal, else one a cell."""

    def __init__(self) -> None:
        self._cell = ""

    def __call__(self, rung: str) -> None:
        if sys.stderr.isatty():
            line = f"certifying {own_lines(rung)} ..."[: shutil.get_terminal_size().columns - 1]
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif (cell := rung.rpartition(": ")[0]) != self._cell:
            self._cell = cell
            note(f"certifying {cell} ...")

    def end(self) -> None:
        """Take the line away."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Lines:
    """One line per finished run."""

    def __init__(self) -> None:
        self.certifying = Certifying()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, text: str) -> None:
        note(text)

    def certified(self, certification: Certification) -> None:
        self.certifying.end()
        note(certification_lines(certification))

    def group_started(self, requests: Sequence[RunRequest]) -> None:
        pass

    def epoch_done(self, request: RunRequest, number: int, epoch: EpochRecord) -> None:
        pass

    def run_finished(self, record: RunRecord) -> None:
        note(run_line(record))


class Bars:
    """One bar per live run: epoch, loss, validation accuracy."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=8),
            MofNCompleteColumn(),
            TextColumn("{task.fields[news]}"),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stderr=False,  # the line of `Certifying` is escapes, which it would print
        )
        self._tasks: dict[str, int] = {}
        self.certifying = Certifying()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def note(self, text: str) -> None:
        self._bars.console.print(own_lines(text), markup=False, highlight=False)

    def certified(self, certification: Certification) -> None:
        self.certifying.end()
        self.note(certification_lines(certification))

    def group_started(self, requests: Sequence[RunRequest]) -> None:
        for request in requests:
            name = f"{request.model.name}  {cell_name(request)}"
            total = request.protocol.epochs + request.further_epochs
            self._tasks[request.run_id] = self._bars.add_task(name, total=total, news="")
        self._bars.refresh()

    def epoch_done(self, request: RunRequest, number: int, epoch: EpochRecord) -> None:
        self._bars.update(
            self._tasks[request.run_id],  # type: ignore[arg-type] # rich's TaskID is an int
            completed=number,
            news=epoch_news(epoch),
            refresh=True,
        )

    def run_finished(self, record: RunRecord) -> None:
        self._bars.remove_task(self._tasks.pop(record.run_id))  # type: ignore[arg-type]
        self.note(run_line(record))


class TestLines:
    """A line for every test function: its name when it starts, then what came of it."""

    def __init__(self) -> None:
        self._running: str | None = None
        self._outcomes: list[CaseOutcome] = []

    def test_started(self, test: str) -> None:
        from benchbench.testing.outcomes import function

        if function(test) != self._running:
            self.end()
            self._running = function(test)
            print(f"  {self._running}: ", end="", file=sys.stderr, flush=True)

    def test_finished(self, outcome: CaseOutcome) -> None:
        self._outcomes.append(outcome)

    def died(self, log: str) -> None:
        if self._running:
            print("died", file=sys.stderr)
            self._running = None
        # Where Python says it crashed, the innermost frames come first.
        crash = log.rfind("Fatal Python error")
        told = log[-_LOG_LENGTH:] if crash < 0 else log[crash:][:_LOG_LENGTH]
        print(f"the process died; the end of what it printed:\n{told}", file=sys.stderr)

    def end(self) -> None:
        from benchbench.testing.report import totals

        if self._running:
            print(totals(self._outcomes), file=sys.stderr, flush=True)
        self._running, self._outcomes = None, []
