"""Runs as frames and comparisons, and what `load_results` makes of bad input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from makers import make_certificate, make_record

import benchbench as bb
from benchbench.errors import StoreError, UsageError
from benchbench.run import store
from benchbench.run.store import Store


@pytest.fixture
def folder(tmp_path):
    """Save two blocks of two cells, and a run that failed."""
    kept = Store(tmp_path / "results")
    kept.prepare()
    for block in range(2):
        for backend, factor in (("torch", 1.0), ("keras", 1.5)):
            seconds = [factor * one for one in (3, 1, 1.02, 1.01)]
            kept.save(
                make_record(
                    run_id=f"{block}-{backend}",
                    backend=backend,
                    block=block,
                    seed=block,
                    train_seconds=seconds,
                )
            )
    failed = {"status": "failed", "error": "out of luck", "train_seconds": ()}
    kept.save(make_record(run_id="failed", block=2, **failed))
    return tmp_path / "results"


@pytest.fixture
def certified(monkeypatch):
    """Take every run for certified: certificates have tests of their own."""
    monkeypatch.setattr("benchbench.compare.model_runs.objection", lambda _: None)


def test_a_row_a_run_and_a_row_an_epoch(folder):
    results = bb.load_results(folder)
    assert len(results) == 5
    runs = results.runs.set_index("run_id")
    assert runs.loc["0-keras", "steady_epoch_seconds"] == pytest.approx(1.5 * 1.01)
    assert runs.loc["0-keras", "first_epoch_seconds"] == 4.5
    assert runs.loc["failed", "error"] == "out of luck"
    assert runs["steady_epoch_seconds"].isna().sum() == 1
    assert runs.loc["0-torch", "objection"] == "it was not certified"
    epochs = results.epochs
    assert len(epochs) == 4 * 4
    assert epochs.groupby("run_id")["epoch"].apply(list).loc["1-torch"] == [1, 2, 3, 4]
    assert epochs["calibration_seconds"].isna().all(), "unknown, and not 0"


def test_a_row_a_ratio(folder, certified):
    frame = bb.load_results(folder).compare("keras").to_dataframe()
    (row,) = frame.to_dict("records")
    assert (row["cell"], row["baseline"]) == ("torch idiomatic", "keras idiomatic")
    assert row["time_ratio"] == pytest.approx(1 / 1.5)
    assert row["time_ratio_low"] <= row["time_ratio"] <= row["time_ratio_high"]
    assert (row["blocks"], row["verdict"]) == (2, "UNDECIDED")
    assert row["lost_blocks"].startswith("block 2: torch idiomatic failed: out of luck; ")
    results = bb.load_results(folder)
    (row,) = results.compare("keras", allow_lost_blocks=True).to_dataframe().to_dict("records")
    assert row["verdict"] == "FASTER"
    with pytest.raises(UsageError, match="did you mean 'keras'"):
        bb.load_results(folder).compare("kears")


def test_a_notebook_shows_tables_in_which_nothing_is_markup(folder, certified):
    Store(folder).save(make_record(run_id="evil", status="failed", backend="<script>"))
    results = bb.load_results(folder)
    for shown in (results._repr_html_(), results.compare("keras")._repr_html_()):
        assert shown.startswith("<table")
        assert "<script>" not in shown
    assert "&lt;script&gt;" in results._repr_html_()


def test_folders_and_archives_together_count_a_run_once(folder, tmp_path):
    archive, _ = store.pack(folder, tmp_path / "packed.jsonl.gz")
    assert len(bb.load_results(folder, archive)) == 5
    assert bb.load_results(archive).records == bb.load_results(folder).records


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda _: (), UsageError, "needs at least one results folder"),
        (lambda path: (path / "nowhere",), UsageError, "there is no results folder or archive"),
        (lambda path: (path,), UsageError, "there are no records in"),
        (lambda path: ([path],), UsageError, r"by their paths, .* not list"),
        (lambda _: (None,), UsageError, r"by their paths, .* not NoneType"),
    ],
)
def test_nothing_to_load_is_said(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        bb.load_results(*make(tmp_path))


def test_two_records_of_one_run_are_an_error(folder, tmp_path):
    other = Store(tmp_path / "other")
    other.prepare()
    other.save(make_record(run_id="failed", seed=5))
    with pytest.raises(StoreError, match="different records of the run failed"):
        bb.load_results(folder, tmp_path / "other")


def test_an_unreadable_file_is_kept_apart_with_its_reason(folder):
    (folder / "runs" / "torn.json").write_text("{")
    results = bb.load_results(folder)
    assert len(results) == 5
    (torn,) = results.unreadable
    assert torn.path.name == "torn.json"


BROKEN = make_certificate(verdict="breaks")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([{}], 0),
        ([{}, {"status": "skipped"}], 3),
        ([{"status": "skipped"}, {"status": "failed"}], 1),
        ([{"status": "invalid"}], 1),
        ([{"certificate": BROKEN}], 1),
        ([{"certificate": BROKEN}, {"status": "skipped"}], 1),
    ],
)
def test_the_exit_code_says_the_worst(changes, code):
    assert bb.Results(tuple(make_record(**one) for one in changes)).exit_code == code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backends": ["nunpy"]}, "did you mean 'numpy'"),
        ({"models": ["single-lair"]}, "did you mean 'single-layer'"),
        ({"division": "tunde"}, "has no division 'tunde'"),
        ({"dataset": "digitz"}, "digitz"),
        ({"blocks": 0}, "a matrix of 1 to 100,000 blocks"),
        ({"blocks": 1.5}, r"blocks: expected a whole number from 0 on, but it is 1.5"),
        ({"blocks": "3"}, "blocks: expected a whole number from 0 on, but it is '3'"),
        ({"seed": -1}, "seed: expected a whole number from 0 on"),
        ({"threads": 0}, "threads: expected a whole number from 1 on"),
        ({"wait_for_quiet": float("nan")}, "wait_for_quiet nan: give a number of seconds"),
        ({"steady_epochs": 2.5}, "steady_epochs: expected a whole number"),
        ({"backends": []}, "backends: expected one or more, but there are none"),
        ({"models": ()}, "models: expected one or more, but there are none"),
        ({"models": "single-lair"}, "did you mean 'single-layer'"),
        ({"backends": "nunpy"}, "did you mean 'numpy'"),
        ({"protocol": "nowhere.toml"}, "cannot read the spec file"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_saved(tmp_path, options, message):
    wanted = {"backends": ["numpy"], "models": ["single-layer"], "dataset": "digits"} | options
    with pytest.raises(UsageError, match=message):
        bb.run(**wanted, results=tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_importing_is_cheap():
    code = (
        "import sys, benchbench as bb; bb.run, bb.certify, bb.Dense; "
        "print({'numpy', 'pandas', 'torch', 'typer'} & set(sys.modules) or 'cheap')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "cheap"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        bb.rnu  # noqa: B018


def test_a_folder_of_results_folders_says_which_they_are(tmp_path):
    for name in ("one", "two"):
        store = Store(tmp_path / name)
        store.prepare()
        store.save(make_record(run_id=name))
    with pytest.raises(UsageError, match=r"there are in .*one, .*two: name one of these"):
        bb.load_results(tmp_path)


def test_an_archive_of_certificates_is_told_from_one_of_records():
    certificates = Path(__file__).parents[2] / "results/certificates/certificates.jsonl.gz"
    with pytest.raises(StoreError, match=r"no archive of records: it holds .*cpu\.json"):
        bb.load_results(certificates)
