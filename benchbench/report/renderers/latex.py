"""Documents as LaTeX; it needs no package."""

from __future__ import annotations

import re

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
from benchbench.report.renderers.columns import Style, facts
from benchbench.report.text import UNKNOWN

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\char34{}",  # \textquotedbl is not known to LaTeX's own encoding
    }
)


def render(document: Document) -> str:
    """Return the document, a blank line between its blocks."""
    return "\n\n".join(map(_block, document))


def escape(text: str) -> str:
    """Return text that LaTeX sets as it is, on one line: of `--` it would make a dash."""
    line = re.sub("-(?=-)", "-{}", one_line(text).translate(_ESCAPES))
    return line.replace(UNKNOWN, "--")


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return rf"\subsection*{{{escape(text)}}}"
        case Paragraph(text, strong):
            bold = rf"\textbf{{{escape(strong)}}}" if strong else ""
            return f"{bold}{escape(text)}"
        case Grid():
            return _grid(block)
        case Items(items, heading):
            lines = "\n".join(map(_item, items))
            return f"{escape(heading)}\n\\begin{{itemize}}\n{lines}\n\\end{{itemize}}".lstrip()
        case Facts(pairs):
            return _verbatim(facts(pairs, Style()))
        case Verbatim(text):
            return _verbatim(own_lines(text))


def _verbatim(text: str) -> str:
    # The one thing that ends the environment must not stand in it.
    inside = text.replace(r"\end{verbatim}", r"\end {verbatim}")
    return f"\\begin{{verbatim}}\n{inside}\n\\end{{verbatim}}"


def _grid(grid: Grid) -> str:
    return tabulate(
        [[_first(escape(cell)) for cell in row] for row in grid.rows],
        headers=[escape(header) for header in grid.headers],
        tablefmt="latex_raw",  # escaped above: tabulate's own leaves quotes and bars as they are
        disable_numparse=True,
        colalign=["right" if header in grid.right else "left" for header in grid.headers],
    )


def _item(item: Item) -> str:
    bold = rf"\textbf{{{escape(item.strong)}}}: " if item.strong else ""
    return rf"\item {_first(f'{bold}{escape(item.text)}')}"


def _first(text: str) -> str:
    """Return text that may follow `\\item` or the end of a row: they take what is in brackets."""
    return f"{{}}{text}" if text.startswith(("[", "*")) else text
