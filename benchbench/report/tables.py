"""The comparison tables of many runs: one per data set, device and machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import MappingProxyType

import msgspec

from benchbench.compare.summary import CellSummary, Spread
from benchbench.compare.tables import Failure, Row, Table, tables_of
from benchbench.errors import UsageError, nearest
from benchbench.records import RunRecord
from benchbench.report import text
from benchbench.report.document import Document, Grid, Heading, Item, Items
from benchbench.report.renderers import csv, json, latex, markdown

FORMATS: MappingProxyType[str, Callable[[Sequence[Table]], str]] = MappingProxyType(
    {
        "markdown": lambda tables: markdown.render(build(tables)),
        "csv": csv.render,
        "latex": lambda tables: latex.render(build(tables)),
        "json": json.render_tables,
    }
)


def render(records: Iterable[RunRecord], format: str = "markdown") -> str:
    """Return the tables of the records as text.

    Raises UsageError for a format that is not in `FORMATS`.
    """
    if format not in FORMATS:
        raise UsageError(
            f"there is no report format '{format}'{nearest(format, FORMATS)} "
            f"(known: {', '.join(FORMATS)})"
        )
    return FORMATS[format](tables_of(records)).rstrip("\n")


def build(tables: Iterable[Table]) -> Document:
    """Return a section a table: its rows, what is not comparable, what failed."""
    return tuple(block for table in tables for block in _section(table))


class Column(msgspec.Struct, frozen=True):
    """One column for people: its header, its text for a row, and on which side it is aligned."""

    header: str
    cell: Callable[[Row], str]
    right: bool = True


COLUMNS = (
    Column("model", lambda row: row.cell.model, right=False),
    Column("backend", lambda row: row.cell.backend, right=False),
    Column("division", lambda row: row.cell.division, right=False),
    Column("threads", lambda row: text.count(row.cell.threads)),
    Column("differs in", lambda row: row.distinction, right=False),
    Column("runs", lambda row: text.count(row.cell.run_count)),
    Column("test accuracy", lambda row: _accuracy(row.cell)),
    Column("first epoch s", lambda row: _spread(row.cell.first_epoch_seconds)),
    Column("steady epoch s", lambda row: _spread(row.cell.steady_epoch_seconds)),
    Column("training images/s", lambda row: text.count(row.cell.training_images_per_second)),
    Column("evaluation images/s", lambda row: text.count(row.cell.evaluation_images_per_second)),
    Column("prediction images/s", lambda row: text.count(row.cell.prediction_images_per_second)),
    Column("cold total s", lambda row: _spread(row.cell.cold_total_seconds)),
    Column("peak memory MB", lambda row: text.megabytes(row.cell.peak_memory_bytes)),
    Column("certificate", lambda row: _certificate(row.cell), right=False),
    Column("checks passed", lambda row: f"{row.cell.checks_passed}/{row.cell.checks_applied}"),
)


def columns(table: Table) -> tuple[Column, ...]:
    """Return the columns for people; without the distinction where no row needs one."""
    needed = any(row.distinction for row in table.rows)
    return tuple(column for column in COLUMNS if needed or column.header != "differs in")


def _certificate(cell: CellSummary) -> str:
    """Name the verdict; one that holds, but not for what ran, is told apart."""
    unfit = cell.objection and cell.certificate == "holds"
    return f"{cell.certificate}, not for this run" if unfit else cell.certificate


def _accuracy(cell: CellSummary) -> str:
    mean = text.fraction(cell.test_accuracy_mean)
    least, greatest = cell.test_accuracy_least, cell.test_accuracy_greatest
    if least == greatest:
        return mean
    return f"{mean} ({text.fraction(least)} to {text.fraction(greatest)})"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return text.UNKNOWN
    if spread.value_count == 1:
        return text.seconds(spread.median)
    least, greatest = text.seconds(spread.least), text.seconds(spread.greatest)
    return f"{text.seconds(spread.median)} ({least} to {greatest})"


def _section(table: Table) -> Document:
    blocks: list[Heading | Grid | Items] = [Heading(table.title)]
    if table.rows:
        blocks.append(_grid(table))
    if table.not_comparable:
        apart = tuple(Item(f"{name}: {why}") for name, why in table.not_comparable)
        blocks.append(Items(apart, "Not comparable:"))
    if table.failures:
        blocks.append(Items(tuple(map(_item, table.failures)), "Not in the table:"))
    return tuple(blocks)


def _grid(table: Table) -> Grid:
    shown = columns(table)
    return Grid(
        headers=tuple(column.header for column in shown),
        rows=tuple(tuple(column.cell(row) for column in shown) for row in table.rows),
        right=frozenset(column.header for column in shown if column.right),
    )


def _item(failure: Failure) -> Item:
    cell = f"{failure.model}, {failure.backend}, {failure.division}, seed {failure.seed}"
    return Item(f"{cell}: {failure.reason} ({failure.run_id})", strong=failure.status)
