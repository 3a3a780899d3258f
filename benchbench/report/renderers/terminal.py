"""Documents as plain text in aligned columns: never cut off, and no wider than the terminal."""

from __future__ import annotations

import textwrap

from benchbench.printable import one_line, own_lines
from benchbench.report.document import (
    Block,
    Document,
    Facts,
    Grid,
    Heading,
    Item,
    Items,
    Paragraph,
    Verbatim,
)
from benchbench.report.renderers import columns
from benchbench.report.renderers.columns import Style


def render(document: Document, *, width: int | None = None, color: bool = False) -> str:
    """Return the document, a blank line between its blocks.

    With a `width` every line but those of verbatim text has at most so many columns, where words
    are no longer than that. `color` marks headings and verdicts with ANSI escapes.
    """
    style = Style(width, color)
    return "\n\n".join(_block(block, style) for block in document)


def _block(block: Block, style: Style) -> str:
    match block:
        case Heading(text):
            return style.bold(_fill(one_line(text), style))
        case Paragraph(text, strong):
            lines = own_lines(f"{strong}{text}").splitlines()
            return "\n".join(_fill(line, style) for line in lines)
        case Grid():
            return columns.table(block, style)
        case Items(items, heading):
            lines = [_fill(_item(item), style, indent="  ") for item in items]
            return "\n".join([_fill(one_line(heading), style), *lines] if heading else lines)
        case Facts(pairs):
            return columns.facts(pairs, style)
        case Verbatim(text):
            return own_lines(text)


def _item(item: Item) -> str:
    return one_line(f"- {item.strong}: {item.text}" if item.strong else f"- {item.text}")


def _fill(line: str, style: Style, indent: str = "") -> str:
    """Break a line between words; a word that is too long stays whole: it may be a path."""
    if style.width is None or len(line) <= style.width:
        return line
    before = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        style.width,
        subsequent_indent=f"{before}{indent}",
        break_long_words=False,
        break_on_hyphens=False,
    )
