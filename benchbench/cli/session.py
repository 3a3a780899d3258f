"""A session on the screen: its progress, its tables, also of one that was interrupted, its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.cli.progress import progress
from benchbench.errors import BenchbenchError, UsageError
from benchbench.interrupts import ignore_interrupts

if TYPE_CHECKING:
    from benchbench.compare.contrast import Question
    from benchbench.experiments.listener import Listener
    from benchbench.records import RunRecord
    from benchbench.run.store import Store

# What may be said beside --resume; all else was settled when the session was planned.
_WITH_RESUME = {"--resume", "--results", "--wide", "--json"}


def train_and_show(
    train: Callable[[Listener], tuple[str, Sequence[RunRecord], Question]],
    store: Store,
    *,
    wide: bool,
    as_json: bool,
) -> NoReturn:
    """Print what came of a session: of an interrupted one what there is, and how it goes on."""
    from benchbench.compare.contrast import Question
    from benchbench.experiments.endings import BlocksLost, SessionDetached, SessionInterrupted
    from benchbench.experiments.results import Results
    from benchbench.report.session import build, go_on, look_after

    results = store.folder.parent

    def show(session_id: str, records: Sequence[RunRecord], question: Question) -> None:
        answer(
            records,
            lambda: build(records, results, session_id, question),
            as_json=as_json,
            wide=wide,
            plain=len(records) == 1,
        )

    try:
        with progress() as listener:
            session_id, records, question = train(listener)
    except SessionDetached as detached:
        typer.echo(look_after(results, detached.session_id))
        raise typer.Exit from None
    except BlocksLost as lost:
        if as_json or lost.records:
            show(lost.session_id, lost.records, Question())
        raise BenchbenchError(f"{lost}; go on with: {go_on(results, lost.session_id)}") from None
    except SessionInterrupted as stopped:
        ignore_interrupts()
        if as_json or stopped.records:
            show(stopped.session_id, stopped.records, Question())
        stopped.add_note(f"go on with: {go_on(results, stopped.session_id)}")
        raise
    show(session_id, records, question)
    raise typer.Exit(Results(tuple(records)).exit_code)


def resume_and_show(
    context: typer.Context, session_id: str, store: Store, *, wide: bool, as_json: bool
) -> NoReturn:
    """Run what a session lacks, and print all of it. Raises UsageError for options beside it."""
    from benchbench.experiments.resume import resume

    if others := sorted(set(options.given(context)) - _WITH_RESUME):
        raise UsageError(
            f"--resume runs a session as it was planned: expected no option beside it but "
            f"--results, --wide and --json, but there is {', '.join(others)}"
        )

    def train(listener: Listener) -> tuple[str, Sequence[RunRecord], Question]:
        plan, records = resume(session_id, store, listener)
        return session_id, records, plan.question

    train_and_show(train, store, wide=wide, as_json=as_json)
