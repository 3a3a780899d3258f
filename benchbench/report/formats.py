"""What was compared in every format: two views for people, and all the figures for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import msgspec

from benchbench.compare.comparison import Comparison
from benchbench.errors import UsageError, nearest
from benchbench.records import RunRecord
from benchbench.report.document import Document, essential
from benchbench.report.html import page
from benchbench.report.renderers import csv, json, latex, markdown, terminal

# Of `Answer`. 1: tables of `report` alone. 2: the sections of `report` and `compare`.
SCHEMA = 2
# The width of `text` where no terminal says another.
_WIDTH = 80


class Answer(msgspec.Struct, frozen=True):
    """What `report --format json` and `compare --format json` print; `schema` is `SCHEMA`."""

    schema: int
    sections: tuple[Comparison, ...]


class Format(StrEnum):
    """What `--format` takes."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


# What a command takes whose answer is one page.
PAGE_FORMATS = (Format.TEXT, Format.MARKDOWN)

_ENDINGS: Mapping[str, Format] = MappingProxyType(
    {
        ".csv": Format.CSV,
        ".htm": Format.HTML,
        ".html": Format.HTML,
        ".json": Format.JSON,
        ".markdown": Format.MARKDOWN,
        ".md": Format.MARKDOWN,
        ".tex": Format.LATEX,
        ".txt": Format.TEXT,
    }
)


def format_of(path: Path | None) -> Format:
    """Return the format that the end of a file's name stands for; without an end Markdown.

    Raises UsageError for any other end.
    """
    ending = path.suffix.lower() if path else ""
    if ending and ending not in _ENDINGS:
        raise UsageError(
            f"{path}: expected a file whose name ends in {', '.join(_ENDINGS)}"
            f"{nearest(ending, _ENDINGS)}; a file of another name needs --format"
        )
    return _ENDINGS.get(ending, Format.MARKDOWN)


_PAGES: Mapping[Format, Callable[[Document], str]] = MappingProxyType(
    {
        Format.TEXT: lambda document: terminal.render(document, width=_WIDTH),
        Format.MARKDOWN: markdown.render,
        Format.LATEX: latex.render,
    }
)


def render(
    sections: Sequence[Comparison],
    format: Format,
    view: Callable[[Sequence[Comparison]], Document],
    *,
    wide: bool = False,
    records: Sequence[RunRecord] = (),
) -> str:
    """Return the sections as text: CSV and JSON hold all there is, the others what `view` shows.

    `wide` has every column of the view. The page, HTML, shows the `records` that were compared too;
    it raises Unavailable where matplotlib is not installed.
    """
    if format is Format.HTML:
        return page.render(records, sections).rstrip("\n")
    if format is Format.CSV:
        return csv.render(sections).rstrip("\n")
    if format is Format.JSON:
        return json.render(Answer(SCHEMA, tuple(sections)), indent=2)
    document = view(sections)
    return _PAGES[format](document if wide else essential(document))
