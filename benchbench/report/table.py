"""What a comparison table is, before any format: its cells, its failures, its columns as text."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from benchbench.compare.summary import Cell, Spread
from benchbench.report import text


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A run that did not come to a valid end, and why."""

    run_id: str
    status: str
    model: str
    backend: str
    division: str
    threads: int
    seed: int
    reason: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A cell, and what sets it apart from a row that reads the same without it."""

    cell: Cell
    distinction: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """All runs on one data set, one device and one machine."""

    dataset: str
    device: str | None
    machine: str
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]

    @property
    def not_comparable(self) -> tuple[tuple[str, str], ...]:
        """Which rows no ratio or ranking may include, and why; rows of one reason together."""
        by_reason: dict[str, list[str]] = {}
        for row in self.rows:
            if row.cell.objection:
                name = f"{row.cell.model} {row.cell.backend} {row.cell.division}"
                by_reason.setdefault(row.cell.objection, []).append(name)
        return tuple(
            ("every row" if len(names) == len(self.rows) else ", ".join(names), reason)
            for reason, names in by_reason.items()
        )

    @property
    def title(self) -> str:
        return f"{self.dataset} on {self.device or 'an unknown device'} ({self.machine})"


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


def _certificate(cell: Cell) -> str:
    """Name the verdict; one that holds, but not for what ran, is told apart."""
    unfit = cell.objection and cell.certificate == "holds"
    return f"{cell.certificate}, not for this run" if unfit else cell.certificate


def _accuracy(cell: Cell) -> str:
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
