"""`benchbench report`: the figures of saved runs."""

from __future__ import annotations

from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.output import show
from benchbench.cli.records import fail_if_strict, read_records, write_sections
from benchbench.experiments.selection import only


def report(  # noqa: PLR0917 - one parameter an option
    format: options.TableFormat = None,
    wide: options.Wide = False,
    results: options.Results = None,
    session: options.OneSession = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Only this run, with its checks.")
    ] = None,
    strict: options.StrictRecords = False,
    output: options.Output = None,
) -> None:
    """Print the figures of saved runs: times, throughput, memory, accuracy, and what failed.

    Ratios and verdicts are printed by `compare`; CSV and JSON are the same for both,
    and so is --format html: one page with figures, tables and certificates that loads nothing.
    """
    from benchbench.compare.comparison import compare
    from benchbench.compare.contrast import Question
    from benchbench.report import single, tables
    from benchbench.run.store import results_folder

    records, unreadable = read_records(results_folder(results))
    records = only(records, "session", session, [record.session_id for record in records])
    records = only(records, "run", run, [record.run_id for record in records])
    if run is not None and format is None and output is None:
        show(single.build(records[0]), plain=True)
    else:
        sections = compare(records, Question())
        write_sections(records, sections, tables.build, format=format, wide=wide, output=output)
    fail_if_strict(strict, unreadable)
