"""Whatever stands in a record, every format reads back: no column is lost, no text is obeyed."""

import csv
import io
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_record
from sections import cells, render

from benchbench.compare.whole import counted
from benchbench.printable import one_line
from benchbench.report.formats import Answer, Format
from benchbench.report.renderers.csv import defuse
from benchbench.report.renderers.latex import escape as escape_latex
from benchbench.report.renderers.markdown import escape as escape_markdown
from benchbench.run.store import read

RESULTS = Path(__file__).parents[2] / "results"

nasty = st.text(
    alphabet=st.one_of(st.sampled_from("|\\`*_<>&#=+-@\"',;\n\r\t\0{}$%~^"), st.characters()),
    max_size=30,
)


@st.composite
def runs(draw):
    """Draw up to eight runs that share few cells, some of them failed, all with odd words."""
    words = draw(st.lists(nasty, min_size=2, max_size=2))
    count = draw(st.integers(1, 8))
    return [
        make_record(
            run_id=f"run-{number}",
            backend=draw(st.sampled_from(["torch", *words])),
            division=draw(st.sampled_from(["idiomatic", "tuned"])),
            dataset=draw(st.sampled_from(["mnist", "digits"])),
            device=draw(st.sampled_from(["cpu", None])),
            status=draw(st.sampled_from(["ok", "ok", "crashed"])),
            error=draw(st.one_of(st.none(), nasty)),
            seed=draw(st.integers(0, 2)),
            versions={"torch": draw(st.sampled_from(["1.10", "12e45"]))},
            train_seconds=draw(st.lists(st.floats(1e-6, 1e5), max_size=4)),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("format", list(Format))
def test_the_order_of_records_changes_nothing(format):
    @given(st.data())
    def check(data):
        drawn = data.draw(runs())
        shuffled = data.draw(st.permutations(drawn))
        assert render(shuffled, format) == render(drawn, format)

    check()


def test_csv_reads_back():
    @given(st.data())
    def check(data):
        drawn = data.draw(runs())
        text = render(drawn, "csv")
        lines = list(csv.reader(io.StringIO(text)))
        assert {len(line) for line in lines} == {len(lines[0])}
        assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line)
        rows = list(csv.DictReader(io.StringIO(text)))
        failed = [run for run in counted(drawn) if run.status != "ok"]
        assert sorted(row["run_id"] for row in rows if row["status"] != "ok") == sorted(
            run.run_id for run in failed
        )
        good = sum(int(row["run_count"]) for row in rows if row["status"] == "ok")
        assert good == len(drawn) - len(failed)
        backends = {row["backend"] for row in rows}
        assert backends == {defuse(run.backend) for run in drawn}

    check()


def test_json_reads_back():
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    @given(st.data())
    def check(data):
        drawn = data.draw(runs())
        answer = json.loads(render(drawn, "json"), parse_constant=refuse)
        assert answer["schema"] == 2
        rows = [row["cell"] for one in answer["sections"] for row in one["rows"]]
        good = [run for run in counted(drawn) if run.status == "ok"]
        assert sum(row["run_count"] for row in rows) == len(good)
        assert {row["backend"] for row in rows} == {_writable(run.backend) for run in good}

    check()


@pytest.mark.parametrize("format", list(Format))
def test_a_lone_surrogate_stops_no_export(format):
    good = make_record(backend="a\ud800b")
    failed = make_record(run_id="bad", status="crashed", error="a\ud800b")
    written = render([good, failed], format).encode()
    assert written.count(b"b") > 1
    assert b"\xed\xa0\x80" not in written, "the surrogate itself, which no reader takes"


def test_markdown_tables_keep_their_columns():
    @given(st.data())
    def check(data):
        text = render(data.draw(runs()), "markdown")
        for section in text.split("## ")[1:]:
            lines = [line for line in section.splitlines() if line.startswith("|")]
            assert len({len(cells(line)) for line in lines}) <= 1

    check()


@given(nasty)
def test_markdown_escapes_read_back(text):
    escaped = escape_markdown(text)
    assert len(cells(f"| {escaped} |")) == 1
    assert re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", escaped) == one_line(text)
    assert not re.search(r"(?<!\\)(\\\\)*<", escaped)


@given(nasty)
def test_latex_leaves_no_command_of_the_text(text):
    escaped = escape_latex(text)
    for word in (
        *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater"),
        *("textbar", "char34"),
    ):
        escaped = escaped.replace(rf"\{word}{{}}", "")
    escaped = re.sub(r"\\[&%$#_{}]|(?<=-)\{\}(?=-)", "", escaped)
    assert not set(escaped) & set('\\&%$#_{}~^<>|"\n\r')


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=cmd|' /C calc'!A0"])
def test_csv_defuses_formulas(text):
    assert defuse(text).startswith("'")


def _writable(text):
    """Return text with its lone surrogates, which no file can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize("folder", ["verdicts", "slurm", "releases", "gate", "bands/catalog"])
def test_json_of_every_kind_of_session_is_of_the_type_that_the_schema_is_made_from(folder):
    """Divisions, a fleet, environments, two trees, values to learn."""
    records, _ = read(RESULTS / folder)
    text = render(records, "json")
    answer = msgspec.json.decode(text, type=Answer)
    assert any(section.rows for section in answer.sections)
    lines = list(csv.reader(io.StringIO(render(records, "csv"))))
    numbers = [cell for line in lines for cell in line if re.fullmatch(r"[\d.]+", cell)]
    assert numbers
    assert not [cell for cell in numbers if "." in cell and len(cell.replace(".", "")) > 12]
