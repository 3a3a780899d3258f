"""Peak memory of each cell: the median of its runs and their range, on the device too if known."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from benchbench.compare.contrast import CellName
from benchbench.errors import NotMeasured
from benchbench.figures.forest import INCHES_A_LINE, Line, draw
from benchbench.figures.plot import Plot
from benchbench.figures.selection import Panel, Selection
from benchbench.figures.style import (
    COLOURS,
    axes_below_each_other,
    label,
    place,
    styled,
)
from benchbench.records import RunRecord

_MOST_LINES = 80
_KINDS = (
    ("", "peak_memory_bytes", COLOURS[0], "o"),
    (", device", "device_peak_memory_bytes", COLOURS[1], "D"),
)


def plot(selection: Selection) -> Plot:
    """Draw a line a cell. Raises NotMeasured where no run states its memory."""
    by_section: dict[str, list[Line]] = {}
    count = left_out = 0
    for panel in selection.panels:
        lines = list(_lines(panel))
        if not lines:
            continue
        if count + len(lines) > _MOST_LINES and count:
            left_out += 1
            continue
        count += len(lines)
        by_section.setdefault(place(panel.section), []).extend(lines[:_MOST_LINES])
    if not by_section:
        raise NotMeasured("there is no memory to draw: no finished run states its peak")
    with styled():
        figure, grid = axes_below_each_other(
            [0.85 + INCHES_A_LINE * len(lines) for lines in by_section.values()]
        )
        for (axes,), (title, lines) in zip(grid, by_section.items(), strict=True):
            draw(axes, lines)
            axes.set_title(title, x=0)
            axes.set_xlabel("peak resident memory, MB of a million bytes, logarithmic")
    notes = ["The median of a cell's runs; bars reach from the least to the greatest."]
    if left_out:
        notes.append(f"{left_out} further models are in the table only.")
    told = [
        f"{line.name} {line.words}" if line.words else f"{line.name}:"
        for lines in by_section.values()
        for line in lines
    ]
    return Plot(
        "memory",
        "Peak memory",
        f"Peak memory of each cell. {'; '.join(told)}.",
        figure,
        tuple(notes),
    )


def _lines(panel: Panel) -> Iterator[Line]:
    rows = [line for name, runs in panel.runs.items() for line in _cell(name, runs)]
    if rows:
        yield Line(label(panel.model))
        yield from rows


def _cell(name: CellName, runs: Sequence[RunRecord]) -> Iterator[Line]:
    for suffix, field, colour, marker in _KINDS:
        values = [value / 1e6 for run in runs if (value := getattr(run, field))]
        if values:
            middle = statistics.median(values)
            yield Line(
                f"{label(str(name), 30)}{suffix}",
                middle,
                min(values),
                max(values),
                f"{middle:,.0f} ({min(values):,.0f} to {max(values):,.0f}) MB",
                colour,
                marker,
            )
