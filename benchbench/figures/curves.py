"""Learning curves: loss and metric by epoch, the mean of a cell's runs and their range."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from benchbench.compare.contrast import CellName
from benchbench.compare.metrics import metric_of
from benchbench.errors import NotMeasured
from benchbench.figures.plot import Plot
from benchbench.figures.selection import Panel, Selection
from benchbench.figures.style import (
    MOST_CELLS,
    MOST_PANELS,
    axes_below_each_other,
    colour,
    dashes,
    label,
    marker,
    panel_titles,
    styled,
)
from benchbench.records import EpochRecord, RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST_TITLE = 58
_Measure: TypeAlias = Callable[[EpochRecord], float | None]

_TRAINING = ("training loss", lambda epoch: epoch.loss)
_LOSS: tuple[str, _Measure] = ("validation loss", lambda epoch: epoch.validation_loss)


def plot(selection: Selection) -> Plot:
    """Draw two panels a model. Raises NotMeasured where no run states a loss or a metric."""
    measured = [panel for panel in selection.panels if _known(panel)]
    if not measured:
        raise NotMeasured("there is no learning curve to draw: no finished run states a loss")
    panels = measured[:MOST_PANELS]
    with styled():
        figure, grid = axes_below_each_other([2.2] * len(panels), columns=2)
        titles = panel_titles(figure, [(panel.model, panel.section) for panel in panels])
        for pair, panel, title in zip(grid, panels, titles, strict=True):
            for axes, (words, measure) in zip(pair, _measures(panel), strict=True):
                _draw(axes, panel, measure, selection.cells)
                axes.set_xlabel("epoch")
                axes.set_title(words)
            words = _measures(panel)[0][0]
            # The title is laid out within its half of the figure.
            pair[0].set_title(f"{label(title, _LONGEST_TITLE)}\n{words}")
            pair[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    notes = ["Lines are means over a cell's runs, shades reach from the least to the greatest."]
    if len(measured) > len(panels):
        notes.append(f"{len(measured) - len(panels)} further panels are not drawn.")
    if any(len(panel.runs) > MOST_CELLS for panel in panels):
        notes.append(f"Of each model the first {MOST_CELLS} cells are drawn.")
    return Plot(
        "curves",
        "Learning curves",
        f"Loss and metric by epoch. {'; '.join(map(_in_words, panels))}.",
        figure,
        tuple(notes),
    )


def _measures(panel: Panel) -> tuple[tuple[str, _Measure], tuple[str, _Measure]]:
    """Return the training loss, and the task's metric where a run states it, else the loss."""
    runs = [run for runs in panel.runs.values() for run in runs]
    metric = metric_of(runs[0])
    words = f"{metric.name} (fraction)" if metric.is_fraction else metric.title
    states = any(_validated(epoch) is not None for run in runs for epoch in run.epochs)
    return _TRAINING, (f"validation {words}", _validated) if states else _LOSS


def _validated(epoch: EpochRecord) -> float | None:
    """Return the metric of the validation samples."""
    error = epoch.validation_mean_absolute_error
    return epoch.validation_accuracy if error is None else error


def _known(panel: Panel) -> bool:
    return any(
        _spread(runs, measure) for _, measure in _measures(panel) for runs in panel.runs.values()
    )


def _spread(runs: Sequence[RunRecord], measure: _Measure) -> list[tuple[int, float, float, float]]:
    """Return epoch, mean, least and greatest over the runs; epochs nothing is known of are left."""
    # Beyond the protocol's epochs a run trains to be timed.
    longest = max((min(len(run.epochs), run.protocol.epochs) for run in runs), default=0)
    found = []
    for number in range(longest):
        values = [measure(run.epochs[number]) for run in runs if number < len(run.epochs)]
        known = [value for value in values if value is not None]
        if known:
            found.append((number + 1, statistics.fmean(known), min(known), max(known)))
    return found


def _draw(axes: Axes, panel: Panel, measure: _Measure, cells: Sequence[CellName]) -> None:
    from matplotlib.ticker import MaxNLocator

    for name in list(panel.runs)[:MOST_CELLS]:
        rows = _spread(panel.runs[name], measure)
        if not rows:
            continue
        epochs, means, least, greatest = zip(*rows, strict=True)
        own = colour(cells, name)
        axes.fill_between(epochs, least, greatest, color=own, alpha=0.15, linewidth=0)
        axes.plot(
            epochs,
            means,
            color=own,
            linestyle=dashes(cells, name),
            marker=marker(cells, name) if len(epochs) <= 40 else None,
            label=label(str(name), 24),
        )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.grid(axis="y")


def _in_words(panel: Panel) -> str:
    told = []
    for name, runs in list(panel.runs.items())[:MOST_CELLS]:
        measure = _measures(panel)[1][1]
        rows = _spread(runs, measure)
        if rows:
            _, mean, least, greatest = rows[-1]
            told.append(f"{label(str(name))} {mean:.4g} ({least:.4g} to {greatest:.4g})")
    return f"{label(panel.model)}, {_measures(panel)[1][0]} at the end: {', '.join(told) or 'none'}"
