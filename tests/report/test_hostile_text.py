"""Hostile text in every field of a record is inert in every format."""

from __future__ import annotations

import csv
import io
import json
import re
from xml.etree import ElementTree

import msgspec
import pytest
from interleaved import hostile, make_session
from makers import make_certificate, make_rung

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.figures.catalog import draw
from benchbench.report import comparison, ladder, single, tables
from benchbench.report.formats import Format, render
from benchbench.report.renderers import latex, markdown, terminal

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
TEXTS = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "]]></style></svg><script>alert(1)</script>",
    "a|b|c `code` **bold** [x](javascript:alert(1))",
    "=1+1",
    "@SUM(A1)",
    "\x1b[31mred\x07\x9b0m",
    "abc\u202edef\u2066\u200b",
    "\\input{/etc/passwd} $x^2$ \\end{verbatim}",
    "{{7*7}}\r\nX: y\n\n# heading\n- item",
    "x" * 300,
)
FORBIDDEN = {"\x1b", "\x07", "\x9b", "\r", "\u202e", "\u2066", "\u200b"}


def records_of(text):
    """Return good runs, a failed one, and one whose certificate breaks."""
    good = [hostile(run, text) for run in make_session(blocks=1)]
    replace = msgspec.structs.replace
    failed = replace(good[0], run_id="failed", status="failed", block=1)
    rung = make_rung(text, 0.5, verdict="breaks", explanation=text)
    broken = make_certificate(rung, model=text, backend=text, traceback=text)
    other = replace(good[0], run_id="broken", backend=f"{text} 2", certificate=broken)
    return [*good, failed, other]


def written(text, format):
    runs = records_of(text)
    sections = compare(runs, Question())
    views = (comparison.build, tables.build)
    return "\n".join(
        render(sections, format, view, wide=True, records=runs)
        for view in (views if format is not Format.HTML else views[:1])
    )


@pytest.mark.parametrize("renderer", [terminal, markdown, latex])
def test_one_run_and_its_certificate_are_inert(renderer):
    for text in TEXTS:
        for run in records_of(text):
            said = renderer.render((*single.build(run), *ladder.build(run.certificate)))
            assert not FORBIDDEN & set(said), text
            if renderer is markdown:
                assert "<script" not in re.sub(r"(?s)```.*?```", "", said.replace("\\<", ""))


@pytest.fixture
def plain(monkeypatch):
    """Leave the figures out of the page: they are drawn below."""
    from benchbench.errors import NotMeasured
    from benchbench.report.html import page

    def draw_nothing(_):
        raise NotMeasured("not drawn here")

    monkeypatch.setattr(page, "FIGURES", dict.fromkeys(page.FIGURES, draw_nothing))


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("format", list(Format))
def test_it_is_inert_in_every_format(format):
    for text in TEXTS:
        said = written(text, format)
        assert not FORBIDDEN & set(said), (format, text)
        match format:
            case Format.HTML:
                assert said.count("<script") == 1
                assert "<img" not in said
            case Format.MARKDOWN:
                assert "<script" not in said.replace("\\<", "")
                assert not re.search(r"(?<!\\)\]\(", said)
                assert "\n# heading" not in said
            case Format.LATEX:
                assert "\\input{" not in said
                assert said.count("\\begin{") == said.count("\\end{")
            case Format.CSV:
                rows = list(csv.reader(io.StringIO(said)))
                assert not [cell for row in rows for cell in row if cell[:1] in {"=", "@"}]
            case Format.JSON:
                decoder = json.JSONDecoder()
                assert decoder.raw_decode(said)[0]


@pytest.mark.parametrize("text", [TEXTS[2], TEXTS[6], TEXTS[8], TEXTS[10]])
def test_it_is_inert_in_a_figure(text):
    svg = draw("memory", [hostile(run, text) for run in make_session(["torch"], blocks=1)]).to_svg()
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}  # noqa: S314
    assert "script" not in tags
    assert not FORBIDDEN & set(svg)
