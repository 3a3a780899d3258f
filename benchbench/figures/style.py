"""The one style of all figures: page, files and notebook. Nothing else imports matplotlib.

Colours are those of Okabe and Ito, which people with a colour vision deficiency tell apart; what a
colour says, a marker, a hatch or a line's dashes say again, for print without colour.
Source: Okabe & Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import CellName
from benchbench.errors import Unavailable
from benchbench.printable import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES = 7.5
# The page puts its own colours in the place of these two.
INK = "#1f2328"
PAPER = "#ffffff"
# Seen on white and on black.
MUTED = "#858c94"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c6d31")
HATCHES = ("", "///", "--", "xxx", "\\\\\\", "++", "||", "", "xx")
_MARKERS = "osD^vPX<>"
_DASHES = ("-", "--", ":", "-.")
_LONGEST_LABEL = 36
# More than so many panels or lines are no figure any more; what is left out is named.
MOST_PANELS = 12
MOST_CELLS = 14

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    # Of about the same width: what was laid out in one fits in the others.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": MUTED,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    # Names are text, whatever stands in them: a $ starts no formula.
    "text.parse_math": False,
    # Text stays text: it can be read, searched and heard. Ids are the same in every run.
    "svg.fonttype": "none",
    "svg.hashsalt": "benchbench",
    "pdf.fonttype": 42,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in here. Raises Unavailable where matplotlib is not installed."""
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"a figure needs matplotlib, and {error.name} is not installed: "
            f"pip install 'benchbench-harness[plots]'"
        ) from None
    # From the defaults, not from what a user's own file or notebook says.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for name, value in _SETTINGS.items():
            matplotlib.rcParams[name] = value  # type: ignore[index]
        yield


def axes_below_each_other(heights: Sequence[float], columns: int = 1) -> tuple[Figure, list[Any]]:
    """Return a figure with a row of `columns` axes for each height, in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, sum(heights) + 0.35), layout="constrained")
    grid = figure.subplots(
        len(heights), columns, squeeze=False, gridspec_kw={"height_ratios": list(heights)}
    )
    return figure, [list(row) for row in grid]


def label(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Return text for a place of limited width: one line, cut with an ellipsis."""
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


def place(section: Comparison) -> str:
    """Name a section's data set, device, machine and threads."""
    device = section.device or "an unknown device"
    machine = label(section.machine, 60)
    machine += f", {label(section.software, 40)}" if section.software else ""
    return f"{label(section.dataset, 30)} on {label(device, 20)} ({machine}), threads " + str(
        section.threads
    )


def panel_titles(figure: Figure, panels: Sequence[tuple[str, Comparison]]) -> list[str]:
    """Return the title of each panel, of a model and a section; what all share stands above."""
    places = {place(section) for _, section in panels}
    if len(places) > 1:
        return [f"{label(model)}: {place(section)}" for model, section in panels]
    figure.suptitle(places.pop(), x=0.01, ha="left", fontsize=9.5, fontweight="bold")
    return [label(model) for model, _ in panels]


def colour(cells: Sequence[CellName], name: CellName) -> str:
    """Return the colour of a cell, the same in every figure of these cells."""
    return COLOURS[cells.index(name) % len(COLOURS)]


def marker(cells: Sequence[CellName], name: CellName) -> str:
    """Return the marker of a cell, likewise."""
    return _MARKERS[cells.index(name) % len(_MARKERS)]


def dashes(cells: Sequence[CellName], name: CellName) -> str:
    """Return the dashes of a cell's line, likewise."""
    return _DASHES[cells.index(name) % len(_DASHES)]


def logarithmic(axes: Axes, which: str, values: Iterable[float]) -> None:
    """Make an axis logarithmic, with plain numbers at a handful of ticks over these values."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    known = [value for value in values if value > 0 and math.isfinite(value)]
    if not known:
        return
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    ticks = round_numbers(min(known), max(known))
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def round_numbers(low: float, high: float) -> list[float]:
    """Return at most nine round numbers that lie around `low` to `high`, both above 0."""
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    for steps in (
        (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
        (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
        (1, 1.5, 2, 3, 5, 7),
        (1, 2, 5),
        (1, 3),
        (1,),
    ):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        inside = [one for one in ticks if low * 0.97 <= one <= high * 1.03]
        if len(inside) <= 9:
            return inside or [float(f"{low:.3g}")]
    every = math.ceil(len(inside) / 9)
    return inside[::every]
