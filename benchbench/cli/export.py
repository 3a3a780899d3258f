"""`benchbench export`: saved runs as another tool reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.records import fail_if_strict, read_records
from benchbench.experiments.selection import only


def export(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="pytest-benchmark, pyperf, bencher, github-action-benchmark or mlflow.",
            callback=options.known("export to", "benchbench.exports.catalog", "EXPORTS"),
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; for mlflow a new folder.")
    ],
    results: options.Results = None,
    session: options.OneSession = None,
    strict: options.StrictRecords = False,
) -> None:
    """Write saved runs for another tool: of each cell the latest session; for mlflow every run."""
    from benchbench.exports import catalog
    from benchbench.run.store import results_folder

    records, unreadable = read_records(results_folder(results))
    records = only(records, "session", session, [record.session_id for record in records])
    catalog.export(to, records, output)
    typer.echo(f"wrote {output}", err=True)
    fail_if_strict(strict, unreadable)
