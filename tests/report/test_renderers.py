"""Every block in every format: nothing is cut, nothing is rewritten, nothing is markup."""

from __future__ import annotations

import pytest

from benchbench.report.document import (
    Facts,
    Grid,
    Heading,
    Item,
    Items,
    Paragraph,
    Verbatim,
    grid,
)
from benchbench.report.renderers import latex, markdown, terminal

RENDERERS = [markdown, latex, terminal]
LONG = "x" * 500
DOCUMENT = (
    Heading("A *title*"),
    Paragraph("one\ntwo | three", strong="bold"),
    grid([["1.10", LONG], ["12e45", "a|b"]], ["version", "words"], right=["version"]),
    Items((Item("an entry", strong="word"), Item("another")), "Listed:"),
    Items((Item("alone"),)),
    Facts((("name", "value"), ("longer name", ""))),
    Verbatim("  as it\n  is"),
)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_numbers_stay_as_they_are_and_nothing_is_cut(renderer):
    text = renderer.render(DOCUMENT)
    for word in (LONG, "1.10", "12e45", "bold", "an entry", "alone", "longer name", "  as it"):
        assert word in text
    assert "..." not in text
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_table_without_rows_keeps_its_headers(renderer):
    assert "backend" in renderer.render((Grid(("backend", "status"), ()),))


def test_markdown():
    assert markdown.render(DOCUMENT[:2]) == "## A \\*title\\*\n\n**bold**one\ntwo \\| three"
    assert "| a\\|b " in markdown.render(DOCUMENT)
    assert "-:|:-" in markdown.render(DOCUMENT), "the versions stand to the right"
    assert "Listed:\n\n- **word**: an entry\n- another\n\n- alone" in markdown.render(DOCUMENT)


def test_latex():
    text = latex.render(DOCUMENT)
    assert r"\subsection*{A *title*}" in text
    assert r"a\textbar{}b" in text
    assert r"\begin{tabular}{rl}" in text
    assert r"\item \textbf{word}: an entry" in text
    assert text.count(r"\begin{") == text.count(r"\end{")


def test_terminal():
    assert terminal.render(DOCUMENT[3:5]) == "Listed:\n- word: an entry\n- another\n\n- alone"
    assert terminal.render(DOCUMENT[5:6]) == "name         value\nlonger name"
