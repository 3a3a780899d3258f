"""What is shown of several machines: in 80 columns, in words, as CSV, JSON and a page."""

from __future__ import annotations

import csv
import io
import json

import pytest
from fleets import even, fleet

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.experiments.results import Comparisons
from benchbench.report import comparison, tables
from benchbench.report.formats import Format
from benchbench.report.formats import render as render_sections

FIVE = even(0.8, between=0.01)


def sections(logs, **options):
    records = fleet(logs)
    return compare(records, Question(), Baseline("keras"), certified=False, **options)


def shown(logs, format="text", view=comparison.build, *, wide=False):
    return render_sections(sections(logs), Format(format), view, wide=wide)


def test_the_answer_is_of_machines_like_these_and_each_has_its_row():
    text = shown(FIVE)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    assert "On single-layer, on machines like these, torch trains an epoch 1.25 times" in words
    assert "prediction interval" in words
    assert "Seconds of several machines are not pooled" in words
    for host in FIVE:
        rows = [line for line in text.splitlines() if host in line.split()]
        assert [line.split()[-1] for line in rows] == ["baseline", "FASTER"]


@pytest.mark.parametrize("logs", [even(0.8, machines=2), even(1.0, between=0.2)])
def test_where_it_is_not_known_the_verdicts_of_the_machines_are_counted(logs):
    words = " ".join(shown(logs).split())
    assert "it is not known which is faster" in words
    assert "Machine by machine:" in words


def test_the_wide_table_has_the_scatter_between_and_within():
    text = shown(FIVE, "markdown", wide=True)
    for header in ("machines differ by", "blocks scatter by", "I\N{SUPERSCRIPT TWO}", "middle"):
        assert header in text


def test_one_machine_is_shown_as_before():
    text = shown({"node0": FIVE["node0"]})
    assert "node0" not in text
    assert "machines" not in text


def test_of_many_machines_the_extremes_are_shown_and_the_rest_is_told_of():
    logs = even(0.8, machines=60, between=0.03)
    text = shown(logs)
    assert "node0 " in text
    assert "node59" in text
    assert "node30 " not in text
    assert "Of 60 machines those with the least and the greatest" in " ".join(text.split())
    assert len(json.loads(shown(logs, "json"))["sections"][0]["contrasts"]) == 60


def test_report_tells_the_machines_apart():
    text = shown(FIVE, "markdown", tables.build)
    for host in FIVE:
        assert text.count(f"machine {host}") == 2


def test_csv_has_a_line_a_machine_and_cell_and_one_over_machines():
    lines = list(csv.DictReader(io.StringIO(shown(FIVE, "csv"))))
    assert [line["status"] for line in lines] == ["ok"] * 10 + ["over machines"]
    assert {line["host"] for line in lines[:10]} == set(FIVE)
    last = lines[-1]
    assert (last["machine_count"], last["block_count"], last["verdict"]) == ("5", "15", "FASTER")
    bounds = [float(last[name]) for name in ("predicted_time_ratio_low", "time_ratio_low")]
    assert bounds == sorted(bounds)


def test_json_has_every_machine_and_the_row_over_them():
    (section,) = json.loads(shown(FIVE, "json"))["sections"]
    assert section["hosts"] == list(FIVE)
    (row,) = section["over_machines"]
    assert row["verdict"] == "FASTER"
    assert row["predicted_low"] < row["low"] < row["ratio"] < row["high"] < row["predicted_high"]


def test_a_program_gets_frames():
    found = Comparisons(sections(FIVE))
    frame = found.to_dataframe()
    assert list(frame["host"]) == list(FIVE)
    assert "node3" in found._repr_html_()
    over = found.over_machines()
    assert over.loc[0, "machine_count"] == 5
    assert over.loc[0, "verdict"] == "FASTER"
    assert over.loc[0, "predicted_low"] < over.loc[0, "time_ratio"]
    assert len(Comparisons(sections({"node0": FIVE["node0"]})).over_machines()) == 0


def test_the_page_shows_them():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from benchbench.report.html import page

    records = fleet(FIVE)
    text = page.render(records, sections(FIVE))
    assert "on machines like these, torch trains an epoch 1.25 times faster" in text
    assert "torch idiomatic, a further machine" in text
    assert "torch idiomatic, node3" in text


def test_of_two_machines_no_ratio_stands_under_the_header_of_a_further_one():
    lines = shown(even(0.8, machines=2), "markdown").splitlines()
    headers, row = ([cell.strip() for cell in lines[at].split("|")] for at in (2, 4))
    place = next(at for at, one in enumerate(headers) if one.startswith("ratio, further machine"))
    assert row[place] == "\N{EN DASH}"
