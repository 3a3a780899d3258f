"""The comparison tables: what stands where."""

import csv
import io
import json
import re

import msgspec
import pytest
from makers import make_certificate, make_record
from sections import cells, render

from benchbench import Dense, ModelSpec
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.machines import Machine
from benchbench.records import Check, FinalScore, Standardization
from benchbench.report import comparison, tables
from benchbench.report.formats import Format
from benchbench.report.text import UNKNOWN


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
    shown = dict(zip(cells(header), cells(row), strict=True))
    assert shown["epoch s"] == "6.75"
    assert shown["epoch s, range"] == "6.00 to 8.00"
    assert shown["epoch s, 95 % interval"] == UNKNOWN, "one block has none"
    assert shown["first epoch s"] == "9.00"
    assert shown["accuracy"] == "0.9840"
    assert shown["images/s"] == "7,116"
    assert shown["memory MB"] == "612"
    assert shown["checks passed"] == "1/1"
    assert "differs in" not in shown
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


def test_both_views_name_the_metric_of_a_model_that_learns_values(compared):
    score = FinalScore(loss=0.5, accuracy=None, image_count=100, mean_absolute_error=0.25)
    spec = ModelSpec("price", (5,), (Dense(1),))
    values = [msgspec.structs.replace(one, test=score, spec=spec) for one in compared]
    for view in (tables.build, comparison.build):
        found = _column(render(values, view=view), "mean absolute error (less is better)")
        assert found == ["0.25"] * 2
    mixed = [values[0], *compared[1:]]
    assert "test metric" in render(mixed, view=tables.build)
    scaled = Standardization(("age", "price"), (1.0, 200.0), (2.0, 40.0))
    values = [msgspec.structs.replace(one, standardization=scaled) for one in values]
    assert "0.25 (10 in price)" in render(values, view=tables.build)
    own = [msgspec.structs.replace(one, dataset="housing:autoencoder") for one in values]
    assert "in price" not in render(own, view=tables.build)


def _column(text, header):
    lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
    place = lines[0].index(header)
    return [line[place] for line in lines[2:]]


def test_no_ratio_no_rank_no_verdict():
    text = render([make_record(), make_record(backend="keras")]).lower()
    for word in ("ratio", "faster", "slower", "winner", "rank"):
        assert word not in text


def test_where_nothing_can_be_compared_it_is_said():
    skipped = [make_record(run_id=name, backend=name, status="skipped", epochs=()) for name in "ab"]
    for records in ([], skipped):
        (paragraph,) = comparison.build(compare(records, Question()))
        assert paragraph.text.startswith("There is nothing to compare: no run finished.")
