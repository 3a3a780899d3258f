"""`benchbench report`: from the folder of records to the screen or a file."""

import csv
import io
import json

import pytest
from makers import make_record

from benchbench.report import single
from benchbench.report.formats import Format
from benchbench.report.renderers import terminal
from benchbench.run.store import Store


@pytest.fixture
def results(tmp_path):
    """Save three runs of two sessions; return the folder."""
    folder = tmp_path / "results"
    store = Store(folder)
    store.prepare()
    store.save(make_record(run_id="one", session_id="first"))
    store.save(make_record(run_id="two", session_id="first", backend="keras"))
    store.save(make_record(run_id="three", session_id="second", status="oom", error="no room"))
    return folder


def test_markdown_of_all_records(benchbench, results):
    answer = benchbench("report", "--results", str(results))
    assert answer.exit_code == 0
    assert answer.stderr == ""
    assert answer.stdout.startswith("## mnist on cpu")
    assert "**oom**" in answer.stdout
    assert "no room" in answer.stdout


@pytest.mark.parametrize("format", list(Format))
def test_every_format_reaches_the_screen(benchbench, results, format):
    answer = benchbench("report", "--results", str(results), "--format", format)
    assert answer.exit_code == 0
    assert "keras" in answer.stdout


def test_results_come_from_the_environment(benchbench, results, monkeypatch):
    monkeypatch.setenv("BENCHBENCH_RESULTS", str(results))
    assert "keras" in benchbench("report").stdout


def test_one_session(benchbench, results):
    answer = benchbench(
        "report", "--results", str(results), "--session", "second", "--format", "csv"
    )
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert [row["run_id"] for row in rows] == ["three"]


def test_one_run_is_the_table_after_that_run(benchbench, results):
    answer = benchbench("report", "--results", str(results), "--run", "two")
    expected = terminal.render(
        single.build(make_record(run_id="two", session_id="first", backend="keras"))
    )
    assert answer.stdout == f"{expected}\n"


def test_one_run_as_json(benchbench, results):
    answer = benchbench("report", "--results", str(results), "--run", "two", "--format", "json")
    (section,) = json.loads(answer.stdout)["sections"]
    assert [row["cell"]["backend"] for row in section["rows"]] == ["keras"]


def test_output_to_a_file(benchbench, results, tmp_path):
    path = tmp_path / "table.md"
    answer = benchbench("report", "--results", str(results), "--output", str(path))
    assert answer.stdout == ""
    assert str(path) in answer.stderr
    assert path.read_text() == benchbench("report", "--results", str(results)).stdout


def test_unreadable_records_are_named_skipped_and_counted(benchbench, results):
    (results / "runs" / "torn.json").write_text('{"schema": 1, "run_id"')
    newer = json.loads((results / "runs" / "one.json").read_text()) | {"schema": 999}
    (results / "runs" / "newer.json").write_text(json.dumps(newer))
    answer = benchbench("report", "--results", str(results))
    assert answer.exit_code == 0
    assert "torn.json" in answer.stderr
    assert "newer.json" in answer.stderr
    assert "999" in answer.stderr
    assert "2 of 5 skipped" in answer.stderr
    assert "keras" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--session", "frist"], "no session 'frist', did you mean 'first'?"),
        (["--run", "tow"], "no run 'tow', did you mean 'two'?"),
        (["--format", "markdwon"], "did you mean 'markdown'?"),
        (["--output", "no/such/folder/table.md"], "cannot write no/such/folder/table.md"),
        (["--output", "x.pdf"], "x.pdf: expected a file whose name ends in .csv, .htm, .html"),
        (["--output", "x.cvs"], "did you mean '.csv'?; a file of another name needs --format"),
        (["--session", "?"], "in the results; the latest of "),
    ],
)
def test_refusals(benchbench, results, arguments, reason):
    answer = benchbench("report", "--results", str(results), *arguments)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert reason in answer.stderr


def test_no_records_says_where_and_how_to_make_some(benchbench, tmp_path):
    answer = benchbench("report", "--results", str(tmp_path))
    assert answer.exit_code == 2
    assert f"no records in {tmp_path}" in answer.stderr
    assert "benchbench run" in answer.stderr


def test_the_page_reaches_a_file(benchbench, results, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = tmp_path / "report.html"
    answer = benchbench("report", "--results", str(results), "--format", "html", "-o", str(path))
    assert answer.exit_code == 0, answer.stderr
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert path.read_text().endswith("</html>\n")


def test_a_figure_reaches_a_file(benchbench, results, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = tmp_path / "figure.svg"
    answer = benchbench("plot", "memory", "--results", str(results), "-o", str(path))
    assert answer.exit_code == 0, answer.stderr
    assert path.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["plot", "memroy", "-o", "x.svg"], 2, "did you mean 'memory'?"),
        (["plot", "memory", "-o", "x.jpg"], 2, ".svg, .png or .pdf"),
        (["plot", "memory", "-o", "no/such/x.svg"], 2, "cannot write no/such/x.svg"),
        (["plot", "ratios", "-o", "x.svg"], 3, "there is no ratio to draw"),
        (["report", "--format", "html", "-o", "."], 2, "cannot write .: it is a folder"),
        (["report", "--format", "htlm"], 2, "did you mean 'html'?"),
    ],
)
def test_figures_and_pages_that_cannot_be(benchbench, results, arguments, code, reason):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    answer = benchbench(*arguments, "--results", str(results))
    assert (answer.exit_code, answer.stdout) == (code, "")
    assert reason in answer.stderr


def test_an_export_reaches_a_file(benchbench, results, tmp_path):
    path = tmp_path / "runs.json"
    answer = benchbench("export", "--to", "bencher", "--results", str(results), "-o", str(path))
    assert answer.exit_code == 0, answer.stderr
    assert json.loads(path.read_text())


def test_an_export_that_there_is_not(benchbench, results):
    answer = benchbench("export", "--to", "benchr", "-o", "x", "--results", str(results))
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "did you mean 'bencher'?" in answer.stderr
    assert "mlflow" in answer.stderr
