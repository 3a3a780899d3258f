"""`benchbench status` and `cancel`: a session's blocks, block by block, and their end."""

from __future__ import annotations

import typer

from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.cli.progress import progress
from benchbench.quantities import counted


def status(
    session: options.TheSession,
    results: options.Results = None,
    as_json: options.AsJson = False,
) -> None:
    """Say of each block of a session whether it waits, runs, is done or lost, where, and why."""
    from benchbench.experiments import session_status
    from benchbench.report import fleet
    from benchbench.run.store import Store, results_folder

    store = Store(results_folder(results))
    found = session_status.status(session, store)
    answer(found, lambda: fleet.build(found, store.folder.parent), as_json=as_json, plain=True)
    raise typer.Exit(1 if found.count("lost") and found.lacking else 0)


def cancel(session: options.TheSession, results: options.Results = None) -> None:
    """End the blocks of a session that wait or run elsewhere; what is saved stays."""
    from benchbench.experiments import session_status
    from benchbench.report.session import go_on
    from benchbench.run.store import Store, results_folder

    store = Store(results_folder(results))
    with progress() as listener:
        count = session_status.cancel(session, store, listener)
    typer.echo(f"cancelled {counted(count, 'block')}" if count else "no block of it was under way")
    typer.echo(f"go on with: {go_on(store.folder.parent, session)}", err=True)
