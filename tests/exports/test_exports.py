"""Each export is read by its consumer, or held against the layout that the consumer documents."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from interleaved import hostile, make_session

from benchbench.errors import NotMeasured, UsageError
from benchbench.exports.catalog import EXPORTS, export
from benchbench.records import FinalScore

SESSION = make_session()
NAME = "deeper-cnn torch idiomatic, mnist, cpu, threads 2"
NASTY = "<script>\"'|=1+1\u202e\x1b[31m\n\t../../x" + "y" * 300


@pytest.fixture
def exported(tmp_path):
    def make(consumer, records=SESSION) -> Path:
        target = tmp_path / consumer
        export(consumer, records, target)
        return target

    return make


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pytest_benchmark_compares_it(exported, tmp_path):
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed")
    path = exported("pytest-benchmark").rename(tmp_path / "runs.json")
    said = run(sys.executable, "-m", "pytest_benchmark", "compare", str(path), cwd=tmp_path)
    assert NAME in said
    assert "benchmark 'deeper-cnn': 2 tests" in said
    assert "1.0100 (1.0)" in said or "1,010.0000 (1.0)" in said, "torch's mean, in s or ms"


def test_pyperf_compares_it(exported, tmp_path):
    pytest.importorskip("pyperf", reason="pyperf is not installed")
    slower = [
        msgspec.structs.replace(
            one,
            epochs=tuple(
                msgspec.structs.replace(epoch, train_seconds=2 * epoch.train_seconds)
                for epoch in one.epochs
            ),
        )
        for one in SESSION
    ]
    before = exported("pyperf").rename(tmp_path / "before.json")
    after = exported("pyperf", slower).rename(tmp_path / "after.json")
    said = run(sys.executable, "-m", "pyperf", "compare_to", str(before), str(after))
    assert f"{NAME}: Mean +- std dev: [before] 1.01 sec" in said
    assert "2.00x slower" in said


def test_mlflow_reads_its_store(exported, monkeypatch):
    """Runs, parameters, metrics with their steps, tags, states; and a search by all of them."""
    mlflow = "mlflow is not installed: its layout is tested below, tox -e exhaustive has it"
    tracking = pytest.importorskip("mlflow.tracking", reason=mlflow)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    replace = msgspec.structs.replace
    failed = replace(SESSION[0], run_id="failed", status="oom", error="no room", epochs=())
    nasty = hostile(replace(SESSION[1], run_id="nasty"), NASTY)
    store = exported("mlflow", [*SESSION, failed, nasty])
    client = tracking.MlflowClient(tracking_uri=store.absolute().as_uri())
    assert [one.name for one in client.search_experiments()] == ["benchbench"]
    found = {one.data.tags["benchbench.run_id"]: one for one in client.search_runs(["1"])}
    assert set(found) == {*(run.run_id for run in SESSION), "failed", "nasty"}
    for run in SESSION:
        one = found[run.run_id]
        history = client.get_metric_history(one.info.run_id, "train_seconds")
        assert [(metric.step, metric.value) for metric in history] == [
            (number, epoch.train_seconds) for number, epoch in enumerate(run.epochs, 1)
        ]
        assert one.data.metrics["test_accuracy"] == run.test.accuracy
        assert one.data.params["model"] == "deeper-cnn"
        assert one.data.params["seed"] == str(run.seed)
        assert one.data.tags["benchbench.certificate"] == "holds"
        assert one.info.status == "FINISHED"
    assert found["failed"].info.status == "FAILED"
    assert found["failed"].data.tags["benchbench.error"] == "no room"
    assert "train_seconds" not in found["failed"].data.metrics
    assert found["nasty"].data.params["backend"].startswith("<script>")
    query = "params.backend = 'torch' and metrics.test_accuracy > 0.9"
    assert len(client.search_runs(["1"], filter_string=query)) == 3


def test_mlflow_layout(exported):
    """Source: mlflow.store.tracking.file_store, whose runs have these four folders."""
    store = exported("mlflow")
    runs = [path for path in (store / "1").iterdir() if path.is_dir()]
    assert len(runs) == len(SESSION)
    for path in runs:
        assert {one.name for one in path.iterdir()} == {
            *("meta.yaml", "artifacts", "metrics", "params", "tags")
        }
        lines = (path / "metrics" / "train_seconds").read_text().splitlines()
        assert [line.split()[2] for line in lines] == ["1", "2", "3", "4"]


def test_mlflow_has_the_error_of_a_model_that_learns_values(exported):
    score = FinalScore(loss=0.5, accuracy=None, image_count=100, mean_absolute_error=0.25)
    run = SESSION[0]
    epochs = tuple(
        msgspec.structs.replace(
            epoch, validation_accuracy=None, validation_mean_absolute_error=0.125
        )
        for epoch in run.epochs
    )
    store = exported("mlflow", [msgspec.structs.replace(run, test=score, epochs=epochs)])
    (metrics,) = store.glob("1/*/metrics")
    assert (metrics / "test_mean_absolute_error").read_text().split()[1] == "0.25"
    lines = (metrics / "validation_mean_absolute_error").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["0.125"] * 4
    assert not (metrics / "test_accuracy").exists()


# What https://bencher.dev/bmf.json, Bencher's schema, has of a metric. Names of a benchmark have at
# most 1,024 characters, those of a measure 64.
METRIC = {"value", "lower_value", "upper_value"}


def must_be_bmf(content: object) -> None:
    """Hold a file against the schema of the Bencher Metric Format and the limits of names."""
    assert isinstance(content, dict)
    for benchmark, measures in content.items():
        assert 1 <= len(benchmark) <= 1024
        assert isinstance(measures, dict)
        for measure, metric in measures.items():
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", measure), "a slug, so that it is found"
            assert len(measure) <= 64
            assert {"value"} <= metric.keys() <= METRIC
            assert all(isinstance(one, int | float) for one in metric.values())
            assert all(math.isfinite(one) for one in metric.values())


def test_bencher_metric_format(exported):
    """Source: https://bencher.dev/docs/reference/bencher-metric-format/."""
    found = json.loads(exported("bencher").read_text())
    must_be_bmf(found)
    assert set(found) == {NAME, NAME.replace("torch", "keras")}
    for measures in found.values():
        assert set(measures) == {"latency", "throughput", "peak-memory-bytes"}
        for metric in measures.values():
            assert metric.keys() <= {"value", "lower_value", "upper_value"}
            assert all(isinstance(one, int | float) and one > 0 for one in metric.values())
    latency = found[NAME]["latency"]
    assert latency["lower_value"] < latency["value"] < latency["upper_value"]
    assert latency["value"] == pytest.approx(1.01e9, rel=1e-3)


def test_github_action_benchmark(exported):
    """Source: customSmallerIsBetter: name, unit, value; range and extra are texts."""
    found = json.loads(exported("github-action-benchmark").read_text())
    assert len(found) == 4
    for entry in found:
        assert (
            {"name", "unit", "value"}
            <= entry.keys()
            <= {*["name", "unit", "value", "range", "extra"]}
        )
        assert isinstance(entry["value"], int | float)
        assert all(isinstance(entry[key], str) for key in entry.keys() - {"value"})
        # The action reads a spread out of a range that has this sign; of 0 to 1 there is none.
        assert "±" not in entry.get("range", "")


@pytest.mark.parametrize("consumer", list(EXPORTS))
def test_what_is_missing_is_missing(exported, consumer):
    bare = [
        msgspec.structs.replace(one, peak_memory_bytes=None, phases=None, test=None, device=None)
        for one in make_session(blocks=2)
    ]
    target = exported(consumer, bare)
    files = target.rglob("*") if target.is_dir() else [target]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    assert "NaN" not in text
    assert "memory" not in text
    assert "rss" not in text


@pytest.mark.parametrize("consumer", list(EXPORTS))
def test_hostile_names_stay_names(exported, consumer):
    target = exported(consumer, [hostile(one, NASTY) for one in make_session(["torch"])])
    files = list(target.rglob("*")) if target.is_dir() else [target]
    for path in files:
        assert path.resolve().is_relative_to(target.resolve())
        if path.is_file():
            assert not {"\u202e", "\x1b"} & set(path.read_text())
            assert "\\u202e" not in path.read_text()


@pytest.mark.parametrize("consumer", sorted(set(EXPORTS) - {"mlflow"}))
def test_without_a_steady_epoch_there_is_nothing(consumer, tmp_path):
    once = [msgspec.structs.replace(one, epochs=one.epochs[:1]) for one in SESSION]
    with pytest.raises(NotMeasured, match="nothing to export"):
        export(consumer, once, tmp_path / "file")


def test_cells_of_two_specs_have_two_names(exported):
    other = make_session(session="later", spec_sha256="e" * 64)
    found = json.loads(exported("bencher", [*SESSION, *other]).read_text())
    assert len(found) == 4
    assert sum("spec eeeeeeee" in name for name in found) == 2


def test_of_several_sessions_the_latest_counts(exported):
    later = make_session(session="tomorrow", started="2026-01-03T03:04:05+00:00")
    text = exported("github-action-benchmark", [*later, *SESSION]).read_text()
    assert "session tomorrow" in text
    assert "session session" not in text


def test_refusals(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'pyperf'"):
        export("pyperv", SESSION, tmp_path / "file")
    with pytest.raises(UsageError, match="cannot write"):
        export("pyperf", SESSION, tmp_path / "no" / "file")
    with pytest.raises(UsageError, match="cannot write"):
        export("pyperf", SESSION, tmp_path)
    (tmp_path / "something").write_text("")
    with pytest.raises(UsageError, match="name a new folder"):
        export("mlflow", SESSION, tmp_path)


def test_names_are_no_longer_than_bencher_takes(exported):
    sessions = [make_session(["torch"], session=name, dataset="d" * 2000 + name) for name in "ab"]
    found = json.loads(exported("bencher", [run for runs in sessions for run in runs]).read_text())
    must_be_bmf(found)
    assert len(found) == 2, "two names that begin alike stay two"
