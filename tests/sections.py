"""What records come out as: their sections in a format, and a row of Markdown in its cells."""

from __future__ import annotations

import re

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.report import tables
from benchbench.report.formats import Format
from benchbench.report.formats import render as render_sections


def render(records, format="markdown", *, view=tables.build, wide=True):
    return render_sections(compare(records, Question()), Format(format), view, wide=wide)


def cells(line):
    """Split a row as GitHub does: at every bar that no odd number of backslashes precedes."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [
        cell.strip() for cell in re.findall(r"((?:\\.|[^|\\])*)(?:\||$)", inner)[:-1] or [inner]
    ]
