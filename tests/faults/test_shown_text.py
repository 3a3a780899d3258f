"""What a record says is shown as text: it is no markup, no formula and no command to a terminal."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from makers import make_record
from markdown_it import MarkdownIt

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.records import Check, FinalScore, RunRecord, Variant
from benchbench.report import comparison, formats, single, tables
from benchbench.report.document import (
    CodeText,
    Facts,
    Grid,
    Heading,
    Item,
    Items,
    Paragraph,
    Verbatim,
)
from benchbench.report.renderers import json as json_renderer
from benchbench.report.renderers import latex, markdown, terminal

NASTY = [
    "<script>alert(1)</script>",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "right \u202e to left \u2066 isolated \u200f",
    "a|b||c",
    "`code` ``` ~~~ ~~gone~~",
    "```\n# heading\n```",
    "[link](http://x) ![image](y) <http://z>",
    "*a* **b** _c_ __d__ $x^2$",
    "\r\n\r\n| - | - |\n",
    "&lt;b&gt; &#60;",
    "=1+1",
    "@SUM(A1)",
    "\t=cmd|' /C calc'!A0",
    "\uff1d1",
    r"\end{verbatim}\input{/etc/passwd}",
    "[x] \\\\[2cm] %",
    "# heading",
    "1. one",
    "- item\n- item",
    "===",
    "---",
    "\u2028line\u2029\x85\x0b\x0c",
    "\U000e0001tag\U000e007f",
    "\x00\x7f\xad",
    "x" * 2000,
]
# Every field of a record that is text, and where a table or a list shows it.
TEXTS = {
    "run_id": lambda text: {"run_id": text},
    "session_id": lambda text: {"session_id": text},
    "backend": lambda text: {"backend": text},
    "division": lambda text: {"division": text},
    "model": lambda text: {"model": text},
    "dataset": lambda text: {"dataset": text},
    "device": lambda text: {"device": text},
    "error": lambda text: {"error": text, "status": "failed"},
    "traceback": lambda text: {"traceback": text, "status": "crashed"},
    "log": lambda text: {"log": text, "status": "crashed"},
    "variant": lambda text: {"variant": Variant(text, 0.0, text)},
    "uncertified": lambda text: {"uncertified": text},
    "check": lambda text: {"checks": (Check(text, False, text, text),), "status": "invalid"},
    "settings": lambda text: {"settings": {text: text}},
    "versions": lambda text: {"versions": {text: text}},
    "environment": lambda text: {"environment": {text: text}},
    "machine": lambda text: {
        "machine": msgspec.structs.replace(
            make_record().machine, system=text, processor=text, python=text, accelerators=(text,)
        )
    },
    "started": lambda text: {"started": text, "finished": text},
}
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = {"html_inline", "html_block", "link_open", "image", "em_open", "code_inline", "s_open"}


def changed(field: str, text: str) -> RunRecord:
    """Make a record that says this text in the field."""
    return msgspec.structs.replace(make_record(), **TEXTS[field](text))


def shown(record: RunRecord, format: str) -> list[str]:
    """Return every text that a verb prints of a record in a format, beside a good record."""
    both = [record, make_record(backend="numpy", run_id="other")]
    compared = compare(both, Question())
    if format == "terminal":
        return [terminal.render(single.build(record)), terminal.render(comparison.build(compared))]
    texts = [formats.render(compared, formats.Format(format), tables.build, wide=True)]
    renderers = {"markdown": markdown, "latex": latex}
    if format in renderers:
        texts += [renderers[format].render(comparison.build(compared))]
        texts += [renderers[format].render(single.build(record))]
    if format == "json":
        texts += [json_renderer.render([record])]
    return texts


def kinds_of(text: str) -> list[str]:
    """Return the kinds of all tokens that a Markdown parser sees."""
    tokens = PARSER.parse(text)
    return [one.type for token in tokens for one in (token, *(token.children or ()))]


@pytest.mark.parametrize("format", ["markdown", "terminal", "latex", "csv", "json"])
@settings(max_examples=40)
@given(field=st.sampled_from(sorted(TEXTS)), text=st.sampled_from(NASTY) | st.text(max_size=20))
@example(field="error", text=NASTY[0])
@example(field="error", text=NASTY[1])
@example(field="traceback", text=NASTY[5])
@example(field="backend", text=NASTY[8])
@example(field="versions", text="\x9b31m")
def test_no_field_reaches_the_screen_as_a_command(format, field, text):
    for output in shown(changed(field, text), format):
        odd = {c for c in output if not c.isprintable() and c != "\n"}
        assert not odd, (field, odd)


@settings(max_examples=60)
@given(field=st.sampled_from(sorted(TEXTS)), text=st.sampled_from(NASTY))
def test_no_field_is_markup_in_markdown(field, text):
    for nasty, plain in zip(
        shown(changed(field, text), "markdown"),
        shown(changed(field, "plain"), "markdown"),
        strict=True,
    ):
        assert not MARKUP & set(kinds_of(nasty)), field
        # As many blocks, rows and cells: it opened none and closed none.
        assert _blocks(nasty) == _blocks(plain), field


def _blocks(text: str) -> list[str]:
    return sorted({kind for kind in kinds_of(text) if kind.endswith(("_open", "fence"))})


@settings(max_examples=100)
@given(st.sampled_from(NASTY) | st.text(max_size=30))
def test_a_cell_of_markdown_reads_back(text):
    rendered = markdown.render((Grid(("name", "n"), ((text, "1"),)),))
    tokens = PARSER.parse(rendered)
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    shown_as = "".join(child.content for child in cells[2].children)
    assert shown_as == " ".join("".join(c if c.isprintable() else " " for c in text).split())


@given(st.sampled_from(NASTY) | st.text(max_size=30))
def test_no_block_of_a_document_lets_its_text_out(text):
    document = (
        *(Heading(text), Paragraph(text), Paragraph("rest", strong=text), Verbatim(text)),
        *(Facts(((text, text),)), Items((Item(text), Item(text, strong=text)), heading=text)),
        Grid((text, "b"), ((text, text),)),
    )
    kinds = kinds_of(markdown.render(document))
    assert not MARKUP & set(kinds)
    assert kinds.count("fence") == 2
    assert kinds.count("tr_open") == 2
    assert kinds.count("bullet_list_open") == 1
    assert kinds.count("heading_open") == 1
    verbatim = latex.render(document)
    assert "code_inline" in kinds_of(markdown.render((Items((Item(CodeText("`a`")),)),)))
    assert verbatim.count(r"\begin{verbatim}") == verbatim.count(r"\end{verbatim}") == 2
    assert r"\item [" not in verbatim
    for renderer in (markdown, latex, terminal):
        assert not {c for c in renderer.render(document) if not c.isprintable() and c != "\n"}


@settings(max_examples=60)
@given(field=st.sampled_from(sorted(TEXTS)), text=st.sampled_from(NASTY))
def test_no_cell_of_csv_is_a_formula(field, text):
    (output,) = shown(changed(field, text), "csv")
    header, *rows = csv.reader(io.StringIO(output))
    assert len(rows) == 2
    for row in rows:
        assert len(row) == len(header)
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")), cell


@given(st.text(max_size=20))
@example("\x9b\u202e\U000e0001\x7f <&> \\u0041 \\")
def test_json_says_the_same_whatever_it_escapes(text):
    written = json_renderer.render(FinalScore(None, None, 1)), json_renderer.render({text: [text]})
    assert json.loads(written[1]) == {text: [text]}
    assert "image_count" in written[0]
