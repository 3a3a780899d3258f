"""The comparison tables: what stands where, and that every format reads back."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_certificate, make_record

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.compare.whole import counted
from benchbench.machines import Machine
from benchbench.printable import one_line
from benchbench.records import Check, FinalScore
from benchbench.report import comparison, tables
from benchbench.report.formats import Format
from benchbench.report.formats import render as render_sections
from benchbench.report.renderers.csv import defuse
from benchbench.report.renderers.latex import escape as escape_latex
from benchbench.report.renderers.markdown import escape as escape_markdown
from benchbench.report.text import UNKNOWN

nasty = st.text(
    alphabet=st.one_of(st.sampled_from("|\\`*_<>&#=+-@\"',;\n\r\t\0{}$%~^"), st.characters()),
    max_size=30,
)


def render(records, format="markdown", *, view=tables.build, wide=True):
    return render_sections(compare(records, Question()), Format(format), view, wide=wide)


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
            assert len({len(_cells(line)) for line in lines}) <= 1

    check()


@given(nasty)
def test_markdown_escapes_read_back(text):
    escaped = escape_markdown(text)
    assert len(_cells(f"| {escaped} |")) == 1
    assert re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", escaped) == one_line(text)
    assert not re.search(r"(?<!\\)(\\\\)*<", escaped)


@given(nasty)
def test_latex_leaves_no_command_of_the_text(text):
    escaped = escape_latex(text)
    for word in (
        *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater"),
        *("textbar", "textquotedbl"),
    ):
        escaped = escaped.replace(rf"\{word}{{}}", "")
    escaped = re.sub(r"\\[&%$#_{}]", "", escaped)
    assert not set(escaped) & set('\\&%$#_{}~^<>|"\n\r')


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=cmd|' /C calc'!A0"])
def test_csv_defuses_formulas(text):
    assert defuse(text).startswith("'")


def test_versions_and_hashes_keep_their_digits():
    two = [make_record(versions={"torch": version}) for version in ("1.10", "12e45")]
    for format in Format:
        text = render(two, format)
        assert "1.10" in text, format
        assert "12e45" in text, format


def test_one_table_per_data_set_device_and_machine():
    elsewhere = Machine("Linux", "Other CPU", 8, 16, 64_000_000_000, "3.11.7")
    built = compare(
        [
            make_record(run_id="a"),
            make_record(run_id="b", dataset="digits"),
            make_record(run_id="c", device="cuda:0"),
            make_record(run_id="d", machine=elsewhere),
        ],
        Question(),
    )
    assert [table.title for table in built] == [
        "digits on cpu (Some CPU, 2 cores), threads 2",
        "mnist on cpu (Other CPU, 16 cores), threads 2",
        "mnist on cpu (Some CPU, 2 cores), threads 2",
        "mnist on cuda:0 (Some CPU, 2 cores), threads 2",
    ]


def test_markdown_shows_medians_spread_and_failures():
    text = render(
        [
            make_record(),
            make_record(run_id="bad", backend="keras", status="crashed", error="signal 11 | core"),
            make_record(
                run_id="worse",
                backend="keras",
                status="invalid",
                checks=(Check("loss finite", False, "a number", "nan"),),
            ),
        ]
    )
    header, rule, row = text.splitlines()[2:5]
    cells = dict(zip(_cells(header), _cells(row), strict=True))
    assert cells["epoch s"] == "6.75"
    assert cells["epoch s, range"] == "6.00 to 8.00"
    assert cells["epoch s, 95 % interval"] == UNKNOWN, "one block has none"
    assert cells["first epoch s"] == "9.00"
    assert cells["accuracy"] == "0.9840"
    assert cells["images/s"] == "7,116"
    assert cells["memory MB"] == "612"
    assert cells["checks passed"] == "1/1"
    assert "differs in" not in cells
    assert set(rule) <= set("|:-")
    assert r"**crashed**: deeper-cnn, keras, idiomatic, seed 0: signal 11 \| core (bad)" in text
    assert "loss finite: expected a number, got nan (worse)" in text


def test_unknown_is_empty_and_never_zero():
    bare = make_record(train_seconds=(), test=None, phases=None, peak_memory_bytes=None)
    (row,) = csv.DictReader(io.StringIO(render([bare], "csv")))
    for name in ("steady_epoch_seconds", "time_ratio", "test_accuracy_mean", "peak_memory_bytes"):
        assert row[name] == ""
    (section,) = json.loads(render([bare], "json"))["sections"]
    assert section["rows"][0]["cell"]["steady_epoch_seconds"] is None


def test_rows_that_differ_in_the_unseen_say_so():
    text = render([make_record(), make_record(versions={"torch": "2.14.0"})])
    assert "torch 2.13.0" in text
    assert "torch 2.14.0" in text
    text = render([make_record(), make_record(spec_sha256="0" * 64)])
    assert "spec 00000000" in text
    text = render([make_record(), make_record(dataset_sha256="1" * 64)])
    assert "data 11111111" in text


def test_latex_has_a_tabular_with_every_column():
    text = render([make_record()], "latex")
    header = next(line for line in text.splitlines() if line.strip().startswith("model"))
    assert len(header.split("&")) == 16, "no row needs a distinction"
    assert text.count(r"\begin{") == text.count(r"\end{")


def test_rows_of_two_sessions_are_told_apart_and_not_pooled():
    two = [make_record(run_id=name, session_id=name) for name in ("first", "second")]
    text = render(two)
    assert "session first" in text
    assert "session second" in text


@pytest.fixture
def compared():
    """Give three blocks of two certified backends, of which torch is the faster."""
    return [
        make_record(
            run_id=f"{block}-{backend}",
            backend=backend,
            block=block,
            certificate=make_certificate(backend=backend),
            test=FinalScore(loss=0.05, accuracy=0.9858999848365784, image_count=10_000),
            train_seconds=(9.0, 1.0 * slower, 1.01 * slower, 1.0 * slower),
        )
        for block in range(3)
        for backend, slower in (("torch", 1.0), ("keras", 1.42 + block / 100))
    ]


@pytest.mark.parametrize("format", list(Format))
def test_every_format_of_a_comparison_has_ratio_and_verdict(compared, format):
    text = render(compared, format, view=comparison.build, wide=False)
    assert "SLOWER" in text or "FASTER" in text
    assert re.search(r"0\.69|1\.43", text)


def test_csv_has_no_float32_dirt(compared):
    rows = list(csv.DictReader(io.StringIO(render(compared, "csv"))))
    assert {row["test_accuracy_mean"] for row in rows} == {"0.9859"}
    assert sorted(row["verdict"] for row in rows) == ["", "FASTER"]


def test_both_views_show_one_number_for_one_thing(compared):
    texts = [render(compared, view=view) for view in (tables.build, comparison.build)]
    for header in ("epoch s", "epoch s, 95 % interval", "epoch s, range", "accuracy"):
        first, second = (_column(text, header) for text in texts)
        assert first == second


def _column(text, header):
    lines = [_cells(line) for line in text.splitlines() if line.startswith("|")]
    place = lines[0].index(header)
    return [line[place] for line in lines[2:]]


def test_no_ratio_no_rank_no_verdict():
    text = render([make_record(), make_record(backend="keras")]).lower()
    for word in ("ratio", "faster", "slower", "winner", "rank"):
        assert word not in text


def _writable(text):
    """Return text with its lone surrogates, which no file can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _cells(line):
    """Split a row as GitHub does: at every bar that no odd number of backslashes precedes."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [
        cell.strip() for cell in re.findall(r"((?:\\.|[^|\\])*)(?:\||$)", inner)[:-1] or [inner]
    ]
