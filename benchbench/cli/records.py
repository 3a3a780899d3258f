"""Saved records as the verbs that read them take them: all, or those of a session or run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from benchbench.errors import BenchbenchError, UsageError, nearest

if TYPE_CHECKING:
    from benchbench.records import RunRecord


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
            f"{nothing_in(folder)}; make some with "
            f"`benchbench run --backend torch --model deeper-cnn --results {folder}`, "
            f"or name another folder with --results"
        )
    return records, len(problems)


def only(
    records: list[RunRecord], kind: str, wanted: str | None, ids: Sequence[str]
) -> list[RunRecord]:
    """Return the records whose id is the wanted one; all where none is. Raises UsageError."""
    if wanted is None:
        return records
    if wanted not in ids:
        raise UsageError(f"there is no {kind} '{wanted}'{nearest(wanted, ids)} in the results")
    return [record for record, id_ in zip(records, ids, strict=True) if id_ == wanted]
