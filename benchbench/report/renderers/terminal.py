"""Documents as plain text in aligned columns, never cut off."""

from __future__ import annotations

from tabulate import tabulate

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
from benchbench.report.text import facts


def render(document: Document) -> str:
    """Return the document, a blank line between its blocks."""
    return "\n\n".join(map(_block, document))


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return one_line(text)
        case Paragraph(text, strong):
            return own_lines(f"{strong}{text}")
        case Grid():
            return _grid(block)
        case Items(items, heading):
            lines = "\n".join(map(_item, items))
            return f"{one_line(heading)}\n{lines}" if heading else lines
        case Facts(pairs):
            return facts(pairs)
        case Verbatim(text):
            return own_lines(text)


def _grid(grid: Grid) -> str:
    align = ["right" if header in grid.right else "left" for header in grid.headers]
    # Without `disable_numparse`, tabulate turns version 1.10 into 1.1.
    return tabulate(
        [[one_line(cell) for cell in row] for row in grid.rows],
        headers=[one_line(header) for header in grid.headers],
        tablefmt="simple",
        disable_numparse=True,
        colalign=align if grid.rows else None,
    )


def _item(item: Item) -> str:
    return one_line(f"- {item.strong}: {item.text}" if item.strong else f"- {item.text}")
