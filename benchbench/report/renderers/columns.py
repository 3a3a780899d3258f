"""Tables for a terminal: columns that fit its width, words broken over lines where they must be."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchbench.printable import one_line
from benchbench.report.document import Grid

_GAP = "  "
# A column of words is made no narrower than this.
_NARROWEST = 8
_BOLD, _RED, _GREEN, _YELLOW, _PLAIN = (f"\x1b[{code}m" for code in ("1", "31", "32", "33", "0"))
_COLORS = (
    dict.fromkeys(("FASTER", "EQUIVALENT", "holds", "ready", "ok", "\N{CHECK MARK}"), _GREEN)
    | dict.fromkeys(("SLOWER", "WORSE", "TOO", "breaks", "missing", "\N{BALLOT X}"), _RED)
    | dict.fromkeys(("UNDECIDED", "NOISY", "EXPLORATORY", "deviates", "quarantined"), _YELLOW)
)


@dataclass(frozen=True, slots=True)
class Style:
    """How a terminal is written to: at most `width` columns, or any number; in colour, or not."""

    width: int | None = None
    color: bool = False

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if self.color else text

    def state(self, padded: str) -> str:
        """Colour a padded cell by the first word of what it says."""
        words = padded.split()
        shade = _COLORS.get(words[0].rstrip(",:")) if words and self.color else None
        return f"{shade}{padded}{_PLAIN}" if shade else padded


def table(grid: Grid, style: Style) -> str:
    """Return a table; where its columns do not fit the width, a block of lines a row instead."""
    headers = [one_line(header) for header in grid.headers]
    rows = [[one_line(cell) for cell in row] for row in grid.rows]
    right = [header in grid.right for header in grid.headers]
    widths = _widths(headers, rows, right, style.width)
    if widths is None:
        blocks = [facts(list(zip(headers, row, strict=True)), style) for row in rows]
        return "\n\n".join(blocks) if rows else "\n".join(headers)
    states = [header in grid.states for header in grid.headers]
    plain = [False] * len(headers)
    lines = [
        *_lines(headers, widths, right, plain, style),
        _GAP.join("-" * width for width in widths),
    ]
    for row in rows:
        lines += _lines(row, widths, right, states, style)
    return "\n".join(lines)


def facts(pairs: Sequence[tuple[str, str]], style: Style) -> str:
    """Return names and values, one pair a line; long values go on under themselves."""
    shown = [(one_line(name), one_line(value)) for name, value in pairs]
    width = max((cells(name) for name, _ in shown), default=0)
    lines = []
    for name, value in shown:
        room = style.width - width - len(_GAP) if style.width else 0
        parts = _broken(value, room) if room >= _NARROWEST else [value]
        lines.append(f"{_padded(name, width)}{_GAP}{parts[0]}".rstrip())
        lines += [f"{' ' * width}{_GAP}{part}" for part in parts[1:]]
    return "\n".join(lines)


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _widths(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    room: int | None,
) -> list[int] | None:
    """Return the width of each column, None where they cannot be made to fit.

    First headers are broken between words, then columns of words are narrowed, the widest first;
    numbers stay whole.
    """
    columns = [[row[place] for row in rows] for place in range(len(headers))]
    content = [max(map(cells, column), default=0) for column in columns]
    whole = [max(cells(header), width) for header, width in zip(headers, content, strict=True)]
    if room is None or _total(whole) <= room:
        return whole
    least_header = [max(map(cells, header.split()), default=0) for header in headers]
    widths = [max(pair) for pair in zip(least_header, content, strict=True)]
    least = [
        width if number else max(header, min(width, _NARROWEST))
        for width, number, header in zip(widths, right, least_header, strict=True)
    ]
    if _total(least) > room:
        return None
    while _total(widths) > room:
        # Of two as wide the later gives way: what comes first names the row.
        spare = [(widths[at], at) for at in range(len(widths)) if widths[at] > least[at]]
        widths[max(spare)[1]] -= 1
    for at, width in enumerate(whole):  # room that is left over gives headers their line back
        widths[at] += max(0, min(width - widths[at], room - _total(widths)))
    return widths


def _total(widths: Iterable[int]) -> int:
    found = list(widths)
    return sum(found) + len(_GAP) * max(0, len(found) - 1)


def _lines(
    row: Sequence[str],
    widths: Sequence[int],
    right: Sequence[bool],
    states: Sequence[bool],
    style: Style,
) -> list[str]:
    """Return the lines of one row."""
    broken = [_broken(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, broken))):
        parts = []
        for at, cell in enumerate(broken):
            padded = _padded(cell[number] if number < len(cell) else "", widths[at], right[at])
            parts.append(style.state(padded) if states[at] else padded)
        lines.append(_GAP.join(parts).rstrip())
    return lines


def _broken(text: str, width: int) -> list[str]:
    """Break a text into lines of so many cells: between words, and within one that is longer."""
    if cells(text) <= width:
        return [text]
    if any(_cells_of(character) != 1 for character in text):
        return _broken_anywhere(text, width)
    return textwrap.wrap(text, width) or [""]


def _broken_anywhere(text: str, width: int) -> list[str]:
    lines = [""]
    for character in text:
        if cells(lines[-1] + character) > width:
            lines.append("")
        lines[-1] += character
    return lines


def _padded(text: str, width: int, right: bool = False) -> str:
    space = " " * (width - cells(text))
    return f"{space}{text}" if right else f"{text}{space}"
