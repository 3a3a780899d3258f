"""`benchbench report`: the comparison tables of saved runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.records import only, read_records
from benchbench.errors import UsageError


def report(  # noqa: PLR0917 - one parameter an option
    format: Annotated[
        str, typer.Option("--format", help="markdown, csv, latex or json.")
    ] = "markdown",
    results: options.RecordsFrom = None,
    session: options.OneSession = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Only this run; in Markdown, with its checks.")
    ] = None,
    strict: options.StrictRecords = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write to this file, not to the screen.")
    ] = None,
) -> None:
    """Print the comparison tables of saved runs: medians and spread, and what failed and why."""
    from benchbench.report import single, tables
    from benchbench.report.renderers import terminal
    from benchbench.run.store import results_folder

    records, unreadable = read_records(results_folder(results))
    records = only(records, "session", session, [record.session_id for record in records])
    records = only(records, "run", run, [record.run_id for record in records])
    if run is not None and format == "markdown":
        text = terminal.render(single.build(records[0]))
    else:
        text = tables.render(records, format)
    if output is None:
        typer.echo(text)
    else:
        _write(output, text)
    if strict and unreadable:
        typer.echo(f"--strict: {unreadable} records could not be read", err=True)
        raise typer.Exit(1)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None
    typer.echo(f"wrote {output}", err=True)
