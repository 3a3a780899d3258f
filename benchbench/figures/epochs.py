"""Every epoch's time, in the order in which they ran: drift and interleaving are to be seen."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchbench.compare.contrast import CellName
from benchbench.errors import NotMeasured
from benchbench.figures.plot import Plot
from benchbench.figures.selection import Panel, Selection
from benchbench.figures.style import (
    INK,
    MOST_CELLS,
    MOST_PANELS,
    MUTED,
    axes_below_each_other,
    colour,
    dashes,
    label,
    logarithmic,
    marker,
    panel_titles,
    styled,
)
from benchbench.measure.noise import noise_marks, usual_calibration
from benchbench.records import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Marks in a figure; beyond, consecutive epochs of a cell share one.
_MOST_MARKS = 4000
_MOST_BLOCK_LINES = 60


@dataclass(frozen=True, slots=True)
class _Mark:
    """One epoch or the median of several of one cell. `position` is its place in time, from 1."""

    position: float
    seconds: float
    first: bool
    noisy: bool


@dataclass(frozen=True, slots=True)
class _Course:
    """A panel's marks by cell, where blocks begin, and how many epochs share a mark."""

    panel: Panel
    marks: dict[CellName, list[_Mark]]
    block_starts: tuple[int, ...]
    shared: int
    noisy: int
    count: int


def plot(selection: Selection) -> Plot:
    """Draw a panel a model. Raises NotMeasured where no run has an epoch."""
    measured = [panel for panel in selection.panels if any(_entries(panel))]
    if not measured:
        raise NotMeasured("there is no epoch to draw: no finished run has one")
    panels = measured[:MOST_PANELS]
    courses = [_course(panel, _MOST_MARKS // len(panels)) for panel in panels]
    with styled():
        figure, grid = axes_below_each_other([2.3] * len(courses))
        titles = panel_titles(figure, [(panel.model, panel.section) for panel in panels])
        for (axes,), course, title in zip(grid, courses, titles, strict=True):
            _panel(axes, course, selection.cells)
            axes.set_title(title)
    notes = [
        "Hollow marks are first epochs, which may hold compilation; a cross marks an epoch that "
        "something else may have disturbed. Vertical lines part the blocks."
    ]
    shared = max(course.shared for course in courses)
    if shared > 1:
        notes.append(f"A mark is the median of up to {shared} consecutive epochs of one cell.")
    if len(measured) > len(panels):
        notes.append(f"{len(measured) - len(panels)} further panels are not drawn.")
    return Plot(
        "epochs",
        "Epochs in the order in which they ran",
        f"Training time of every epoch in seconds, in order. {'; '.join(map(_in_words, courses))}.",
        figure,
        tuple(notes),
    )


def _entries(panel: Panel) -> Iterator[tuple[tuple[object, ...], CellName, RunRecord, int]]:
    """Yield each epoch, counted from 0, with the key that sorts them by time."""
    begun: dict[tuple[int, int | None], str] = {}
    for runs in panel.runs.values():
        for run in runs:
            group = run.block, run.order_seed
            begun[group] = min(begun.get(group, run.started), run.started)
    for name, runs in panel.runs.items():
        for run in runs:
            group = run.block, run.order_seed
            for number, epoch in enumerate(run.epochs):
                turn = math.inf if epoch.turn is None else epoch.turn
                key = (begun[group], run.block, number, turn, run.started, run.run_id)
                yield key, name, run, number


def _course(panel: Panel, most: int) -> _Course:
    entries = sorted(_entries(panel), key=lambda entry: entry[0])
    by_host: dict[str | None, list[RunRecord]] = defaultdict(list)
    for run in (run for runs in panel.runs.values() for run in runs):
        by_host[run.machine.host].append(run)
    noisy = {
        (run.run_id, mark.epoch - 1)
        for runs in by_host.values()
        for usual in (usual_calibration(runs),)
        for run in runs
        for mark in noise_marks(run, usual)
    }
    marks: dict[CellName, list[_Mark]] = defaultdict(list)
    starts: list[int] = []
    last: int | None = None
    for position, (_, name, run, number) in enumerate(entries, 1):
        if last is not None and run.block != last:
            starts.append(position)
        last = run.block
        seconds = run.epochs[number].train_seconds
        marks[name].append(_Mark(position, seconds, number == 0, (run.run_id, number) in noisy))
    shared = math.ceil(len(entries) / most)
    return _Course(
        panel,
        {name: list(_together(marks[name], shared)) for name in sorted(marks)[:MOST_CELLS]},
        tuple(starts),
        shared,
        sum(mark.noisy for own in marks.values() for mark in own),
        len(entries),
    )


def _together(marks: Sequence[_Mark], shared: int) -> Iterator[_Mark]:
    for begin in range(0, len(marks), shared):
        some = marks[begin : begin + shared]
        yield _Mark(
            statistics.median(one.position for one in some),
            statistics.median(one.seconds for one in some),
            all(one.first for one in some),
            any(one.noisy for one in some),
        )


def _panel(axes: Axes, course: _Course, cells: Sequence[CellName]) -> None:
    if len(course.block_starts) <= _MOST_BLOCK_LINES:
        for start in course.block_starts:
            axes.axvline(start - 0.5, color=MUTED, linewidth=0.7)
    for name, marks in course.marks.items():
        own = colour(cells, name)
        looks: dict[str, Any] = {"color": own, "marker": marker(cells, name), "linestyle": "none"}
        steady = [mark for mark in marks if not mark.first]
        x, y = [mark.position for mark in steady], [mark.seconds for mark in steady]
        axes.plot(x, y, color=own, linewidth=0.7, alpha=0.6, linestyle=dashes(cells, name))
        axes.plot(x, y, label=label(str(name), 28), **looks)
        first = [mark for mark in marks if mark.first]
        axes.plot(
            [mark.position for mark in first],
            [mark.seconds for mark in first],
            markerfacecolor="none",
            **looks,
        )
    noisy = [mark for marks in course.marks.values() for mark in marks if mark.noisy]
    axes.plot(
        [mark.position for mark in noisy],
        [mark.seconds for mark in noisy],
        linestyle="none",
        marker="x",
        markersize=8,
        color=INK,
        label="noisy" if noisy else None,
    )
    logarithmic(axes, "y", [mark.seconds for marks in course.marks.values() for mark in marks])
    axes.grid(axis="y")
    axes.set_xlabel("epochs of all cells, in the order in which they ran")
    axes.set_ylabel("training, s (logarithmic)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def _in_words(course: _Course) -> str:
    told = [
        f"{label(str(name))} {min(seconds):.3g} to {max(seconds):.3g} s"
        for name, marks in course.marks.items()
        if (seconds := [mark.seconds for mark in marks])
    ]
    return (
        f"{label(course.panel.model)}: {', '.join(told)}; {course.noisy} of {course.count} epochs "
        f"are marked noisy"
    )
