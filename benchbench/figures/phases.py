"""Where the wall time of a run goes: phases stacked, without the wait for other workers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from benchbench.compare.contrast import CellName, cold_total_seconds
from benchbench.errors import NotMeasured
from benchbench.figures.plot import Plot
from benchbench.figures.selection import Panel, Selection
from benchbench.figures.style import (
    COLOURS,
    HATCHES,
    INK,
    MOST_CELLS,
    MOST_PANELS,
    PAPER,
    axes_below_each_other,
    label,
    panel_titles,
    styled,
)
from benchbench.records import Phases, RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# `waiting` is the other workers' time, `further` not the protocol's, `total` the sum.
_PARTS = tuple(
    field.name
    for field in msgspec.structs.fields(Phases)
    if field.name not in {"waiting", "further", "total"}
)


def plot(selection: Selection) -> Plot:
    """Draw a bar a cell. Raises NotMeasured where no run states its phases."""
    measured = [(panel, cells) for panel in selection.panels if (cells := _cells(panel))]
    if not measured:
        raise NotMeasured("there is no phase to draw: no finished run states where its time went")
    shown = measured[:MOST_PANELS]
    with styled():
        figure, grid = axes_below_each_other([0.75 + 0.27 * len(cells) for _, cells in shown])
        titles = panel_titles(figure, [(panel.model, panel.section) for panel, _ in shown])
        for (axes,), (_, cells), title in zip(grid, shown, titles, strict=True):
            _panel(axes, cells)
            axes.set_title(title, x=0)
        handles, words = grid[0][0].get_legend_handles_labels()
        figure.legend(
            handles, words, loc="outside lower center", ncols=5, fontsize=8, handlelength=2.2
        )
    notes = [
        "Means over a cell's runs; the whisker reaches from the shortest whole run to the longest. "
        "The time in which other workers had their turn is left out, and that of epochs beyond the "
        "protocol's."
    ]
    if len(measured) > len(shown):
        notes.append(f"{len(measured) - len(shown)} further panels are not drawn.")
    told = [f"{label(panel.model)}: {_in_words(cells)}" for panel, cells in shown]
    return Plot(
        "phases",
        "Where the time goes",
        f"Seconds of each phase, stacked. {'; '.join(told)}.",
        figure,
        tuple(notes),
    )


def _cells(panel: Panel) -> dict[CellName, list[RunRecord]]:
    """Return the runs that state their phases; cells without one are left out."""
    found = {name: [run for run in runs if run.phases] for name, runs in panel.runs.items()}
    return dict([(name, runs) for name, runs in found.items() if runs][:MOST_CELLS])


def _means(runs: Sequence[RunRecord]) -> list[float]:
    return [statistics.fmean(getattr(run.phases, part) for run in runs) for part in _PARTS]


def _panel(axes: Axes, cells: dict[CellName, list[RunRecord]]) -> None:
    means = {name: _means(runs) for name, runs in cells.items()}
    begin = [0.0] * len(cells)
    for number, part in enumerate(_PARTS):
        widths = [means[name][number] for name in cells]
        axes.barh(
            range(len(cells)),
            widths,
            left=begin,
            height=0.7,
            color=(*COLOURS, "#b8bec5", "#4d5761")[number],
            hatch=HATCHES[number],
            edgecolor=PAPER,
            linewidth=0.5,
            label=part.rstrip("_").replace("_", " "),
        )
        begin = [one + width for one, width in zip(begin, widths, strict=True)]
    for number, runs in enumerate(cells.values()):
        totals = [seconds for run in runs if (seconds := cold_total_seconds(run)) is not None]
        axes.plot([min(totals), max(totals)], [number] * 2, color=INK, marker="|", linewidth=1.2)
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.set_yticks(range(len(cells)), [label(str(name), 28) for name in cells])
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel("wall time, s")


def _in_words(cells: dict[CellName, list[RunRecord]]) -> str:
    told = []
    for name, runs in cells.items():
        means = _means(runs)
        largest = max(range(len(_PARTS)), key=means.__getitem__)
        told.append(
            f"{label(str(name))} {sum(means):.3g} s, most of it "
            f"{_PARTS[largest].rstrip('_').replace('_', ' ')} ({means[largest]:.3g} s)"
        )
    return ", ".join(told)
