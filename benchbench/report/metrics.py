"""The column of the test metric: an accuracy, or any metric with its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchbench.compare.summary import CellSummary
from benchbench.report import text


def metric_column(cells: Iterable[CellSummary]) -> tuple[str, Callable[[CellSummary], str]]:
    """Return the column's header, and what writes the value of a cell."""
    if all(cell.test_mean_absolute_error is None for cell in cells):
        return "accuracy", lambda cell: text.fraction(cell.test_accuracy_mean)
    return "test metric", _named


def _named(cell: CellSummary) -> str:
    """Write the metric with its name: models of one table may have different tasks."""
    error = cell.test_mean_absolute_error
    if error is None:
        return f"accuracy {text.fraction(cell.test_accuracy_mean)}"
    return f"mean absolute error {error:.4g}"
