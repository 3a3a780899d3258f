"""`benchbench plot`: one figure of saved runs, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.records import fail_if_strict, read_records
from benchbench.experiments.selection import find_question, only
from benchbench.printable import own_lines


def plot(  # noqa: PLR0917 - one parameter an option
    figure: Annotated[
        str,
        typer.Argument(
            help="ratios, epochs, curves, phases or memory.",
            metavar="FIGURE",
            callback=options.known("figure", "benchbench.figures.catalog", "FIGURES"),
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The file to write; its end tells the kind (.svg, .png, .pdf).",
            callback=options.writable,
        ),
    ],
    baseline: options.BaselineCell = None,
    margin: options.Margin = "3%",
    confidence: options.Confidence = "95%",
    results: options.Results = None,
    session: options.OneSession = None,
    strict: options.StrictRecords = False,
) -> None:
    """Draw a figure of saved runs: of the session that `benchbench compare` takes."""
    from benchbench.compare.baseline import Baseline
    from benchbench.figures.catalog import draw
    from benchbench.figures.plot import kind_of
    from benchbench.run.store import results_folder

    kind_of(output)
    question = find_question(margin, confidence)
    records, unreadable = read_records(results_folder(results))
    records = only(records, "session", session, [record.session_id for record in records])
    drawn = draw(figure, records, question, Baseline(baseline))
    drawn.save(output)
    typer.echo(own_lines("\n".join(drawn.notes)))
    typer.echo(f"wrote {output}", err=True)
    fail_if_strict(strict, unreadable)
