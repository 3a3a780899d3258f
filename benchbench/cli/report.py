"""`benchbench report`: the comparison tables of saved runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from benchbench.records import RunRecord


def report(
    format: Annotated[
        str, typer.Option("--format", help="markdown, csv, latex or json.")
    ] = "markdown",
    results: Annotated[
        Path | None,
        typer.Option("--results", help="Folder of results [BENCHBENCH_RESULTS, else ./results]."),
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", help="Only the runs of this session.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Only this run; in Markdown, with its checks.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write to this file, not to the screen.")
    ] = None,
) -> None:
    """Print the comparison tables of saved runs: medians and spread, and what failed and why."""
    from benchbench.report import single, tables
    from benchbench.run.store import results_folder

    records = _read(results_folder(results))
    records = _only(records, "session", session, [record.session_id for record in records])
    records = _only(records, "run", run, [record.run_id for record in records])
    if run is not None and format == "markdown":
        text = single.render(records[0])
    else:
        text = tables.render(records, format)
    if output is None:
        typer.echo(text)
    else:
        _write(output, text)


def _read(folder: Path) -> list[RunRecord]:
    """Read all records, naming on stderr those that cannot be read. Raises UsageError if none."""
    from benchbench.run.store import read

    records, problems = read(folder)
    for problem in problems:
        typer.echo(f"skipped {problem.path}: {problem.reason}", err=True)
    if problems:
        typer.echo(f"{len(problems)} of {len(records) + len(problems)} skipped", err=True)
    if not records:
        raise UsageError(
            f"there are no records in {folder}; make some with "
            f"`benchbench run --backend torch --model deeper-cnn --results {folder}`, "
            f"or name another folder with --results"
        )
    return records


def _only(
    records: list[RunRecord], kind: str, wanted: str | None, ids: Sequence[str]
) -> list[RunRecord]:
    if wanted is None:
        return records
    if wanted not in ids:
        raise UsageError(f"there is no {kind} '{wanted}'{nearest(wanted, ids)} in the results")
    return [record for record, id_ in zip(records, ids, strict=True) if id_ == wanted]


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None
    typer.echo(f"wrote {output}", err=True)
