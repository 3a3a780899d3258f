"""Documents as parts of an HTML page: everything that is text is escaped, tables scroll alone."""

from __future__ import annotations

import html
import re

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

# Rows of one table; a page of all the cells there can be would open on no phone.
MOST_ROWS = 400
_MOST_ITEMS = 200
_LONG = 40


def render(document: Document) -> str:
    """Return the blocks as HTML, a line each; a heading is of the third level."""
    return "\n".join(map(_block, document))


def escape(text: str) -> str:
    """Return text that shows as it is, also in the value of an attribute: one line, no markup."""
    if not isinstance(text, CodeText):
        return html.escape(one_line(text))
    parts = re.split("`([^`]+)`", one_line(text))
    return "".join(
        f"<code>{html.escape(part)}</code>" if place % 2 else html.escape(part)
        for place, part in enumerate(parts)
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Paragraph(text, strong):
            bold = f"<strong>{escape(strong)}</strong>" if strong else ""
            lines = "<br>".join(escape(type(text)(line)) for line in text.splitlines())
            return f"<p>{bold}{lines}</p>"
        case Grid():
            return _grid(block)
        case Items(items, heading):
            return _items(items, heading)
        case Facts(pairs):
            rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs)
            return f"<dl>{rows}</dl>"
        case Verbatim(text):
            return f'<pre tabindex="0">{html.escape(own_lines(text))}</pre>'


def _items(items: tuple[Item, ...], heading: str) -> str:
    lines = "".join(map(_item, items[:_MOST_ITEMS]))
    title = f"<p>{escape(heading)}</p>" if heading else ""
    return f"{title}<ul>{lines}</ul>{_left_out(len(items) - _MOST_ITEMS)}"


def _item(item: Item) -> str:
    bold = f"<strong>{escape(item.strong)}</strong>: " if item.strong else ""
    return f"<li>{bold}{escape(item.text)}</li>"


def _grid(grid: Grid) -> str:
    """Return a table in a frame of its own, which scrolls where it is wider than the page."""
    right = [' class="r"' if header in grid.right else "" for header in grid.headers]
    heads = "".join(
        f'<th scope="col"{side}>{escape(header) or "<span>mark</span>"}</th>'
        for header, side in zip(grid.headers, right, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{side or _breaks(cell)}>{escape(cell)}</td>"
            for cell, side in zip(row, right, strict=True)
        )
        + "</tr>"
        for row in grid.rows[:MOST_ROWS]
    )
    return (
        f'<div class="wide" role="group" aria-label="table, scrolls sideways" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
        f"{_left_out(len(grid.rows) - MOST_ROWS)}"
    )


def _breaks(cell: str) -> str:
    """Let a long text take several lines; a short one keeps its own."""
    return ' class="l"' if len(cell) > _LONG else ""


def _left_out(count: int) -> str:
    if count <= 0:
        return ""
    return (
        f"<p>{count:,} more are not on this page: <code>benchbench report --format csv</code> has "
        f"every cell and every failed run, the records have all.</p>"
    )
