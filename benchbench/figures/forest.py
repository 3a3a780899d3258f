"""A forest plot: a line a cell, its value as a marker, its interval as a bar, under headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbench.figures.style import INK, MUTED, PAPER, label, logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES_A_LINE = 0.225
_LONGEST = 44


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Without a `value` it is a heading; `words` stand at the right end.

    A marker is hollow where nothing is decided.
    """

    name: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    words: str = ""
    colour: str = INK
    marker: str = "o"
    hollow: bool = False


def draw(axes: Axes, lines: Sequence[Line], also: Sequence[float] = ()) -> None:
    """Draw the lines from the top down, over a logarithmic axis that holds `also` as well."""
    ends = [one for line in lines for one in (line.value, line.low, line.high) if one]
    ends += also
    logarithmic(axes, "x", ends)
    axes.set_xlim(min(ends) / 1.12, max(ends) * 1.12)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_yticks(range(len(lines)), [label(line.name, _LONGEST) for line in lines])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    for place, line in enumerate(lines):
        if line.value is None:
            axes.get_yticklabels()[place].set_fontweight("bold")
            continue
        if line.low is not None and line.high is not None:
            axes.plot([line.low, line.high], [place] * 2, color=line.colour, linewidth=2)
        axes.plot(
            line.value,
            place,
            line.marker,
            markersize=7,
            color=line.colour,
            markerfacecolor=PAPER if line.hollow else line.colour,
        )
        axes.annotate(
            line.words,
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.spines["left"].set_color(MUTED)
