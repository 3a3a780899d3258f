"""Documents as GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from tabulate import tabulate

from benchbench.printable import one_line
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
from benchbench.report.text import facts


def render(document: Document) -> str:
    """Return the document, a blank line between its blocks."""
    return "\n\n".join(map(_block, document))


def escape(text: str) -> str:
    """Return text that shows as it is: one line, no markup, no HTML.

    Backticks stay: benchbench's own messages mean them.
    """
    return re.sub(r"([\\|<>&*\[\]])", r"\\\1", one_line(text))


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
            return f"{heading}\n\n{lines}" if heading else lines
        case Facts(pairs):
            return f"```\n{facts(pairs)}\n```"
        case Verbatim(text):
            return f"```\n{text}\n```"


def _grid(grid: Grid) -> str:
    # Without `disable_numparse`, tabulate turns version 1.10 into 1.1.
    return tabulate(
        [[escape(cell) for cell in row] for row in grid.rows],
        headers=list(grid.headers),
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
