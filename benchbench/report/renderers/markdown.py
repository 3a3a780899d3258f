"""Documents as GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from tabulate import tabulate

from benchbench.printable import one_line, own_lines
from benchbench.report.document import (
    Block,
    CodeText,
    Document,
    Facts,
    Grid,
    Heading,
    Item,
    Items,
    Paragraph,
    Verbatim,
)
from benchbench.report.renderers.columns import Style, facts


def render(document: Document) -> str:
    """Return the document, a blank line between its blocks."""
    return "\n\n".join(map(_block, document))


def escape(text: str) -> str:
    """Return text that shows as it is: one line, no markup, no HTML, no formula.

    What only means something at the beginning of a line (a list, a heading, a rule) is escaped
    there; an underscore, where it may open or close emphasis.
    """
    line = one_line(text)
    parts = re.split("(`[^`]+`)", line) if isinstance(text, CodeText) else [line]
    line = "".join(
        part.replace("|", r"\|") if place % 2 else _plain(part) for place, part in enumerate(parts)
    )
    return re.sub(r"^(?=(?:\d{1,9}[.)]|[#+=-]+)(?:\s|$))(\d*)(.)", r"\1\\\2", line)


def _plain(text: str) -> str:
    return re.sub(r"([\\`|<>&*\[\]~$]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", text)


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {escape(text)}"
        case Paragraph(text, strong):
            lines = "\n".join(map(escape, text.splitlines()))
            return f"**{escape(strong)}**{lines}" if strong else lines
        case Grid():
            return _grid(block)
        case Items(items, heading):
            lines = "\n".join(map(_item, items))
            return f"{escape(heading)}\n\n{lines}" if heading else lines
        case Facts(pairs):
            return _fenced(facts(pairs, Style()))
        case Verbatim(text):
            return _fenced(own_lines(text))


def _fenced(text: str) -> str:
    """Return a code block; its fence is longer than any run of backticks in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _grid(grid: Grid) -> str:
    # Without `disable_numparse`, tabulate turns version 1.10 into 1.1.
    return tabulate(
        [[escape(cell) for cell in row] for row in grid.rows],
        headers=[escape(header) for header in grid.headers],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["right" if header in grid.right else "left" for header in grid.headers],
    )


def _item(item: Item) -> str:
    return (
        f"- **{escape(item.strong)}**: {escape(item.text)}"
        if item.strong
        else (f"- {escape(item.text)}")
    )
