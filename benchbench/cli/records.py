"""Saved records for the verbs that read them: all, or those of a session or run; and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from benchbench.cli.output import show
from benchbench.errors import BenchbenchError, UsageError
from benchbench.files import write_output

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchbench.compare.comparison import Comparison
    from benchbench.records import RunRecord
    from benchbench.report.document import Document


def read_records(folder: Path) -> tuple[list[RunRecord], int]:
    """Read all records; name on stderr those that cannot be read, and return how many.

    Raises UsageError where there are none, BenchbenchError where none can be read.
    """
    from benchbench.run.store import nothing_in, read

    records, problems = read(folder)
    for problem in problems:
        typer.echo(f"skipped {problem}", err=True)
    if problems:
        typer.echo(f"{len(problems)} of {len(records) + len(problems)} skipped", err=True)
    if problems and not records:
        raise BenchbenchError(f"none of the records in {folder} can be read, for the reasons above")
    if not records:
        raise UsageError(
            f"{nothing_in(folder)}; name another folder with --results, or make some with "
            f"`benchbench run --backend torch --model deeper-cnn`"
        )
    return records, len(problems)


def write_sections(
    records: Sequence[RunRecord],
    sections: Sequence[Comparison],
    view: Callable[[Sequence[Comparison]], Document],
    *,
    format: str | None,
    wide: bool,
    output: Path | None,
) -> None:
    """Print what was compared, or write it to a file; without a format as the place or name wants.

    Raises UsageError where the file cannot be written.
    """
    from benchbench.report.formats import Format, format_of, render

    if output is None and format is None:
        show(view(sections), wide=wide)
        return
    chosen = Format(format) if format else format_of(output)
    text = render(sections, chosen, view, wide=wide, records=records)
    if output is None:
        typer.echo(text)
        return
    try:
        write_output(output, f"{text}\n".encode())
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None
    typer.echo(f"wrote {output}", err=True)


def fail_if_strict(strict: bool, unreadable: int) -> None:
    """Exit with 1 where that was asked for and a record could not be read."""
    if strict and unreadable:
        typer.echo(f"--strict: {unreadable} records could not be read", err=True)
        raise typer.Exit(1)
