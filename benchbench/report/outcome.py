"""Outcome equivalence as people read it: one row a cell, and why a cell is not equivalent."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.compare.equivalence import points
from benchbench.compare.outcome import OutcomeReport, OutcomeRow
from benchbench.report import text
from benchbench.report.document import (
    Block,
    Document,
    Grid,
    Heading,
    Item,
    Items,
    Paragraph,
    grid,
)
from benchbench.spec.losses import ACCURACY, Metric


def build(report: OutcomeReport) -> Document:
    """Return a title, the table, and an item for every cell that fails."""
    metrics = list(dict.fromkeys(row.metric for row in report.rows)) or [ACCURACY]
    names = " and ".join(one.title for one in metrics)
    title = (
        f"Test {names} on {report.dataset} over {report.seeds} seeds, "
        f"against {report.reference} {report.reference_division}"
    )
    blocks: list[Block] = [Heading(title), _grid(report)]
    failing = [row for row in report.rows if row.standing not in {"REFERENCE", "EQUIVALENT"}]
    if failing:
        blocks.append(Items(tuple(map(_item, failing)), "Not shown to be equivalent:"))
    run_count = sum(len(row.accuracies) for row in report.rows)
    seconds = sum(row.process_seconds for row in report.rows)
    blocks.append(
        Paragraph(
            f"{text.count(run_count)} runs, {text.count(report.trained_now)} of them trained now; "
            f"{text.seconds(seconds)} s of processes in all. The difference is of means, "
            f"{_unit(metrics)}, with its 90 % interval."
        )
    )
    return tuple(blocks)


def _unit(metrics: Sequence[Metric]) -> str:
    accuracies, errors = "in percentage points", "in the unit of the targets"
    if all(one.is_fraction for one in metrics):
        return accuracies
    return f"{accuracies}, of errors {errors}" if any(m.is_fraction for m in metrics) else errors


def _grid(report: OutcomeReport) -> Grid:
    words = ("model", "backend", "division")
    numbers = [
        *("n", "mean", "sd", "reference n", "reference mean", "reference sd"),
        *("difference", "margin"),
    ]
    rows = [_cells(row) for row in report.rows]
    extra = ("n", "sd", "reference n", "reference sd", "margin")
    headers = [*words, *numbers, "verdict"]
    return grid(rows, headers, right=numbers, extra=extra, states=["verdict"])


def _cells(row: OutcomeRow) -> list[str]:
    own = [row.model, row.backend, row.division, str(len(row.accuracies))]
    own += [_fraction(row.mean), _fraction(row.sd)]
    test = row.test
    if test is None:
        return [*own, *[text.UNKNOWN] * 5, row.standing]
    low, high = (points(bound, test.metric) for bound in test.interval)
    return [
        *own,
        str(test.reference_n),
        _fraction(test.reference_mean),
        _fraction(test.reference_sd),
        f"{points(test.difference, test.metric)} ({low} to {high})",
        f"{100 * test.margin:.2f}" if test.metric.is_fraction else f"{test.margin:g}",
        row.standing,
    ]


def _fraction(value: float | None) -> str:
    """Write a fraction with five decimals: a difference of 0.001 points is to be seen."""
    return text.UNKNOWN if value is None else f"{value:.5f}"


def _item(row: OutcomeRow) -> Item:
    return Item(f"{row.model}, {row.backend}, {row.division}: {row.reason}", strong=row.standing)
