"""Ratios with their intervals, and the band within which two times count as the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import OPEN, Contrast, TimeVerdict
from benchbench.compare.over_machines import OverMachines
from benchbench.errors import NotMeasured
from benchbench.figures.forest import INCHES_A_LINE, Line, draw
from benchbench.figures.plot import Plot
from benchbench.figures.selection import Selection
from benchbench.figures.style import (
    COLOURS,
    INK,
    MUTED,
    axes_below_each_other,
    label,
    place,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_RATIOS = 60
_LOOK: MappingProxyType[TimeVerdict, tuple[str, str]] = MappingProxyType(
    {
        "FASTER": (COLOURS[0], "<"),
        "SLOWER": (COLOURS[1], ">"),
        "SAME": (COLOURS[2], "s"),
    }
)


def plot(selection: Selection) -> Plot:
    """Draw every ratio of the steady epoch. Raises NotMeasured where there is none."""
    shown, left_out = _shown(selection.sections)
    if not shown:
        raise NotMeasured(
            "there is no ratio to draw: no two certified cells of one model ran interleaved in one "
            "session; `benchbench compare` says of each why not"
        )
    panels = [(section, list(_lines(section, rows))) for section, rows in shown]
    with styled():
        figure, grid = axes_below_each_other(
            [0.85 + INCHES_A_LINE * len(lines) for _, lines in panels]
        )
        for (axes,), (section, lines) in zip(grid, panels, strict=True):
            _panel(axes, section, lines)
    notes = [f"{left_out} further ratios are in the table only."] if left_out else []
    if any(section.over_machines for section, _ in shown):
        notes.append('"A further machine" has the prediction interval of another of the kind.')
    level = f"{100 * shown[0][0].question.confidence:g} %"
    return Plot(
        "ratios",
        "Steady epoch: time over the baseline's time",
        _in_words(shown),
        figure,
        (
            f"Left of 1 is faster than the baseline. Bars are {level} intervals, each ratio's own; "
            f"the verdicts are corrected for all comparisons of the table (Holm), so a bar may "
            f"clear the grey band around 1 (within {100 * shown[0][0].question.margin:g} %: the "
            f"same) and still be UNDECIDED. "
            f"A hollow marker leaves the question open.",
            *notes,
        ),
    )


def _shown(
    sections: Sequence[Comparison],
) -> tuple[list[tuple[Comparison, list[Contrast]]], int]:
    """Return the ratios to draw, by section, and how many there are beyond those."""
    room, left_out, shown = _MOST_RATIOS, 0, []
    for section in sections:
        rows = [row for row in section.contrasts if row.steady]
        taken = rows[:room]
        room -= len(taken)
        left_out += len(rows) - len(taken)
        if taken:
            shown.append((section, taken))
    return shown, left_out


def _lines(section: Comparison, rows: Sequence[Contrast]) -> Iterator[Line]:
    for model, group in groupby(rows, key=lambda row: row.model):
        contrasts = list(group)
        yield Line(f"{label(model, 24)}, against {label(str(contrasts[0].baseline), 26)}")
        yield from (_over_machines(one) for one in section.over_machines if _drawn(one, model))
        for row in contrasts:
            assert row.steady is not None  # noqa: S101 - for the types: see `_shown`
            colour, marker = _LOOK.get(row.verdict, (INK, "o"))
            yield Line(
                f"{row.cell}, {row.host}" if section.hosts else str(row.cell),
                row.steady.ratio,
                row.steady.low,
                row.steady.high,
                f"{row.steady}  {row.verdict}",
                colour,
                marker,
                hollow=row.verdict in OPEN,
            )


def _drawn(one: OverMachines, model: str) -> bool:
    return one.model == model and one.ratio is not None


def _over_machines(one: OverMachines) -> Line:
    colour, marker = _LOOK.get(one.verdict, (INK, "o"))
    interval = ""
    if one.predicted_low is not None and one.predicted_high is not None:
        interval = f" ({one.predicted_low:.3f} to {one.predicted_high:.3f})"
    return Line(
        f"{one.cell}, a further machine",
        one.ratio,
        one.predicted_low,
        one.predicted_high,
        f"{one.ratio:.3f}{interval}  {one.verdict}",
        colour,
        marker,
        hollow=one.verdict in OPEN,
    )


def _panel(axes: Axes, section: Comparison, lines: Sequence[Line]) -> None:
    margin = 1 + section.question.margin
    draw(axes, [*lines], (1 / margin, margin))
    low, high = axes.get_xlim()
    axes.axvspan(1 / margin, margin, color=MUTED, alpha=0.3, linewidth=0)
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_xlim(min(low, 0.9), max(high, 1.1))
    axes.set_title(place(section), loc="left", x=0)
    axes.set_xlabel("time ratio (time / the baseline's time), logarithmic")


def _in_words(shown: Sequence[tuple[Comparison, Sequence[Contrast]]]) -> str:
    told = [
        f"{label(row.model)}: {label(str(row.cell))} over {label(str(row.baseline))} {row.steady}, "
        f"{row.verdict}"
        for _, rows in shown
        for row in rows
    ]
    return f"Forest plot of time ratios with intervals. {'; '.join(told)}."
