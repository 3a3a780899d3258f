"""`benchbench compare`: ratios, intervals and verdicts of saved runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.records import only, read_records
from benchbench.quantities import fraction


class Format(StrEnum):
    """What `--format` takes."""

    MARKDOWN = "markdown"
    JSON = "json"


def compare(  # noqa: PLR0917 - one parameter an option
    baseline: Annotated[
        str | None,
        typer.Option(help="What the others are compared with: keras, or 'keras tuned'."),
    ] = None,
    margin: options.Margin = "3%",
    confidence: options.Confidence = "95%",
    lost_blocks: options.LostBlocks = False,
    results: options.RecordsFrom = None,
    session: options.OneSession = None,
    strict: options.StrictRecords = False,
    format: Annotated[Format, typer.Option("--format", help="markdown or json.")] = Format.MARKDOWN,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Compare the cells of each model, epoch by epoch as they took turns.

    Only certified cells of one session are compared; what is left out is listed, with the reason.
    """
    from benchbench.compare.baseline import Baseline
    from benchbench.compare.comparison import compare as compare_records
    from benchbench.compare.contrast import Question
    from benchbench.report import comparison
    from benchbench.report.renderers import json, markdown
    from benchbench.run.store import results_folder

    question = Question(
        margin=fraction(margin, "--margin"),
        confidence=fraction(confidence, "--confidence"),
        allow_lost_blocks=lost_blocks,
    )
    records, unreadable = read_records(results_folder(results))
    records = only(records, "session", session, [record.session_id for record in records])
    found = compare_records(records, question, Baseline(baseline))
    wants_json = as_json or format is Format.JSON
    if wants_json:
        typer.echo(json.render(found))
    else:
        typer.echo(markdown.render(comparison.build(found)))
    if strict and unreadable:
        typer.echo(f"--strict: {unreadable} records could not be read", err=True)
        raise typer.Exit(1)
