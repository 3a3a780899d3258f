"""The absolute view of what was compared: each cell's figures, what failed, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from benchbench.compare.cells import Timing
from benchbench.compare.comparison import Comparison
from benchbench.compare.rows import Failure, Row
from benchbench.compare.summary import CellSummary
from benchbench.report import text
from benchbench.report.document import Block, Document, Grid, Heading, Item, Items, grid, items
from benchbench.report.labels import Label, label_of, machine_label
from benchbench.report.metrics import metric_column, metric_range

# The heading of the list of runs that failed.
FAILED = "Failed runs, in no row:"


def build(comparisons: Iterable[Comparison]) -> Document:
    """Return a section each: its rows, what may not be compared, what failed."""
    return tuple(block for one in comparisons for block in _section(one))


class Column(msgspec.Struct, frozen=True):
    """One column: its header, its text for a row, its side; `extra` is in wide tables only."""

    header: str
    cell: Callable[[Row], str]
    right: bool = True
    extra: bool = False


def _columns(one: Comparison) -> tuple[Column, ...]:
    label = label_of(one)
    metric, write = metric_column(row.cell for row in one.rows)
    samples = _samples(one)
    return (
        Column("model", lambda row: row.cell.model, right=False),
        Column("backend", lambda row: label(row.cell.name), right=False),
        Column("differs in", lambda row: row.distinction, right=False),
        Column("runs", lambda row: text.count(row.cell.run_count), extra=True),
        Column("epoch s", lambda row: _seconds(row.cell.steady_epoch_seconds)),
        Column(
            "epoch s, 95 % interval",
            lambda row: text.interval(row.cell.steady_epoch_seconds),
            extra=True,
        ),
        Column(
            "epoch s, range", lambda row: text.extent(row.cell.steady_epoch_seconds), extra=True
        ),
        Column("first epoch s", lambda row: _seconds(row.cell.first_epoch_seconds), extra=True),
        Column("cold total s", lambda row: _seconds(row.cell.cold_total_seconds), extra=True),
        Column(f"{samples}/s", lambda row: text.count(row.cell.training_images_per_second)),
        Column(
            f"evaluation {samples}/s",
            lambda row: text.count(row.cell.evaluation_images_per_second),
            extra=True,
        ),
        Column(
            f"prediction {samples}/s",
            lambda row: text.count(row.cell.prediction_images_per_second),
            extra=True,
        ),
        Column("memory MB", lambda row: text.megabytes(row.cell.peak_memory_bytes)),
        Column(metric, lambda row: write(row.cell)),
        Column(f"{metric}, range", lambda row: metric_range(row.cell), extra=True),
        Column("certified", lambda row: _certificate(row.cell), right=False),
        Column(
            "checks passed",
            lambda row: f"{row.cell.checks_passed}/{row.cell.checks_applied}",
            extra=True,
        ),
    )


def _samples(one: Comparison) -> str:
    """Return what the throughputs of a section count."""
    return "images" if all(row.cell.of_images for row in one.rows) else "samples"


def _section(one: Comparison) -> Document:
    blocks: list[Block] = [Heading(one.title)]
    if one.rows:
        blocks.append(_grid(one))
    apart = tuple(_not_comparable(one.rows, label_of(one)))
    if apart:
        blocks.append(Items(apart, "Not comparable:"))
    if one.failures:
        blocks.append(Items(tuple(_item(failure, one) for failure in one.failures), FAILED))
    return (*blocks, *remark_list(one))


def remark_list(one: Comparison) -> Document:
    """Return what a reader should know beside the figures: sorted labels, a trend, idle threads."""
    return items(list(one.remarks), "Remarks:")


def _grid(one: Comparison) -> Grid:
    needed = any(row.distinction for row in one.rows)
    left_out = f"{_samples(one)}/s" if needed else "differs in"
    columns = [column for column in _columns(one) if needed or column.header != left_out]
    return grid(
        [[column.cell(row) for column in columns] for row in one.rows],
        [column.header for column in columns],
        right=[column.header for column in columns if column.right],
        extra=[column.header for column in columns if column.extra or column.header == left_out],
        states=["certified"],
    )


def _not_comparable(rows: Sequence[Row], label: Label) -> Iterable[Item]:
    """Yield which rows no ratio may include, and why; rows of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.cell.objection:
            name = f"{row.cell.model} {label(row.cell.name)}"
            by_reason.setdefault(row.cell.objection, []).append(name)
    for reason, names in by_reason.items():
        named = "every row" if len(names) == len(rows) else ", ".join(dict.fromkeys(names))
        yield Item(f"{named}: {reason}")


def _seconds(timing: Timing | None) -> str:
    return text.seconds(timing.seconds if timing else None)


def _certificate(cell: CellSummary) -> str:
    """Name the verdict; one that holds, but not for what ran, is told apart."""
    unfit = cell.objection and cell.certificate == "holds"
    return f"{cell.certificate}, not for this run" if unfit else cell.certificate


def _item(failure: Failure, section: Comparison) -> Item:
    cell = f"{failure.model}, {failure.backend}, {failure.division}, seed {failure.seed}"
    cell += f", machine {machine_label(failure.host)}" if section.hosts else ""
    return Item(f"{cell}: {failure.reason} ({failure.run_id})", strong=failure.status)
