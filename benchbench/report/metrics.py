"""The test metric as people read it: its column, its value, its unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchbench.compare.summary import CellSummary
from benchbench.report import text
from benchbench.spec.losses import ACCURACY, Metric


def metric_column(cells: Iterable[CellSummary]) -> tuple[str, Callable[[CellSummary], str]]:
    """Return the column's header, and what writes the value of a cell."""
    metrics = list(dict.fromkeys(cell.metric for cell in cells)) or [ACCURACY]
    if len(metrics) == 1:
        return metrics[0].title, _value
    # Models of one table may have different tasks.
    return "test metric", lambda cell: f"{cell.metric.name} {_value(cell)}"


def metric_range(cell: CellSummary) -> str:
    """Write the least and the greatest value over a cell's runs."""
    _, least, greatest = cell.test_metric
    if least is None or greatest is None:
        return text.UNKNOWN
    return f"{metric_text(cell.metric, least)} to {metric_text(cell.metric, greatest)}"


def metric_text(metric: Metric, value: float | None) -> str:
    """Write a fraction with four decimals, an error with four digits."""
    if value is None:
        return text.UNKNOWN
    return text.fraction(value) if metric.is_fraction else f"{value:.4g}"


def in_unit(value: float | None, target: str | None, scale: float | None) -> str:
    """Say what an error in deviations of a target is in the target's own unit: " (42 in price)"."""
    if value is None or target is None or scale is None:
        return ""
    return f" ({value * scale:.4g} in {target})"


def _value(cell: CellSummary) -> str:
    mean = cell.test_metric[0]
    written = metric_text(cell.metric, mean)
    if cell.metric.is_fraction:
        return written
    return written + in_unit(mean, cell.target, cell.target_scale)
