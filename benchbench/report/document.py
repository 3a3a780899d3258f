"""What a report is before it is text: blocks, which every renderer knows how to write.

A builder (`tables`, `comparison`, `gate`, ...) makes the document of one question, a renderer
(`renderers`) writes it: as Markdown, as LaTeX, for a terminal. Blocks hold plain text; to escape it
is the renderer's part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias


class CodeText(str):
    """Text of our own, in which backticks mean code; in any other they are shown as they are."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of what follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more; each of `text`'s lines stays a line. `strong` comes first, in bold."""

    text: str
    strong: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: rows of text under headers.

    Of the headers, those in `right` are aligned to the right, those in `extra` belong to the wide
    table only, and those in `states` hold verdicts, which a terminal shows in colour.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a list. `strong` comes first, in bold, with a colon."""

    text: str
    strong: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list, under a line that says what it lists."""

    items: tuple[Item, ...]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, a line each."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text that is shown as it is: a traceback."""

    text: str


Block: TypeAlias = Heading | Paragraph | Grid | Items | Facts | Verbatim
Document: TypeAlias = tuple[Block, ...]


def grid(
    rows: Iterable[Sequence[str]],
    headers: Sequence[str],
    right: Iterable[str] = (),
    *,
    extra: Iterable[str] = (),
    states: Iterable[str] = (),
) -> Grid:
    """Return a table; `right`, `extra` and `states` are headers, as in `Grid`."""
    return Grid(
        headers=tuple(headers),
        rows=tuple(map(tuple, rows)),
        right=frozenset(right),
        extra=frozenset(extra),
        states=frozenset(states),
    )


def essential(document: Document) -> Document:
    """Return the document without the columns that only a wide table has."""
    return tuple(_essential(block) if isinstance(block, Grid) else block for block in document)


def _essential(table: Grid) -> Grid:
    places = [place for place, header in enumerate(table.headers) if header not in table.extra]
    return replace(
        table,
        headers=tuple(table.headers[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in table.rows),
    )


def items(texts: list[str], heading: str = "") -> tuple[Items, ...]:
    """Return a list of these texts, or nothing where there are none."""
    return (Items(tuple(map(Item, texts)), heading),) if texts else ()
