"""Outcome equivalence through real processes: cheats fail, a twin passes, nothing is done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from makers import make_record

from benchbench.cli.progress import progress
from benchbench.data import catalog
from benchbench.errors import UsageError
from benchbench.experiments.equivalence import Equivalence, find_references
from benchbench.experiments.selection import find_backends, find_cells
from benchbench.plugins.registry import load_registry
from benchbench.records import Check, FinalScore, Variant
from benchbench.report.outcome import build
from benchbench.report.renderers import json as as_json_text
from benchbench.report.renderers import markdown
from benchbench.run.store import Store, read
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

CHEATS = Path(__file__).parents[1] / "cheats.py"


@pytest.fixture
def chosen(small_mnist):
    return catalog.choose(str(small_mnist), {})


@pytest.fixture
def ask(install, no_calibration, chosen, tmp_path, monkeypatch):
    """Call `outcome` on the small data set, with the cheats for backends."""
    install("cheats", CHEATS.read_text())
    monkeypatch.setenv("CHEATS_DATASET", chosen.location)
    registry = load_registry()

    def call(
        *backends: str,
        models=(MODELS["single-layer"],),
        divisions="idiomatic",
        epochs=1,
        reference="numpy",
        as_json=False,
        **changes,
    ) -> int:
        cells = find_cells(find_backends(list(backends), registry), divisions, list(models))
        references, tested = find_references(cells, registry, reference)
        settings = {
            "protocol": TrainingProtocol(epochs=epochs),
            "chosen": chosen,
            "seeds": 2,
            "margin": None,
            "threads": 1,
            "cpus": None,
            "device": "auto",
            "timeout": 60.0,
        }
        experiment = Equivalence(references=references, tested=tested, **settings | changes)
        store = Store(tmp_path / "results")
        store.prepare()
        with progress() as listener:
            report = experiment.run(store, listener)
        print(as_json_text.render(report) if as_json else markdown.render(build(report)))
        return 0 if report.holds else 1

    return call


@pytest.fixture
def saved(tmp_path):
    """Return (backend, seed) of every record saved, sorted."""
    return lambda: sorted((record.backend, record.seed) for record in read(tmp_path / "results")[0])


def rows(capsys) -> dict[str, dict]:
    report = json.loads(capsys.readouterr().out)
    return {row["backend"]: row for row in report["rows"]}


@pytest.mark.exhaustive
def test_a_twin_passes_and_half_the_learning_rate_is_too_bad(ask, capsys):
    code = ask("twin", "half-rate", seeds=4, epochs=4, margin=0.03, as_json=True)
    found = rows(capsys)
    assert found["twin"]["standing"] == "EQUIVALENT"
    assert found["twin"]["accuracies"] == found["numpy"]["accuracies"]
    assert found["half-rate"]["standing"] == "TOO BAD"
    assert (found["numpy"]["standing"], code) == ("REFERENCE", 1)


@pytest.mark.exhaustive
def test_training_on_the_test_images_is_too_good(ask, capsys):
    code = ask("peeks", models=[MODELS["two-layer"]], seeds=3, epochs=4, margin=0.02, as_json=True)
    assert rows(capsys)["peeks"]["standing"] == "TOO GOOD"
    assert code == 1


def test_all_equivalent_is_exit_code_0_and_a_table(ask, capsys, tmp_path):
    assert ask("twin", "numpy", margin=0.5) == 0
    said = capsys.readouterr()
    assert "## Test accuracy on small-mnist over 2 seeds, against numpy idiomatic" in said.out
    assert "EQUIVALENT" in said.out
    assert "4 runs, 4 of them trained now" in said.out
    assert "Not shown" not in said.out
    assert "run 4 of 4: single-layer twin-idiomatic, seed 1" in said.err


def test_only_the_seeds_that_are_missing_are_trained(ask, saved, capsys):
    ask("twin", seeds=2, margin=0.5)
    first = saved()
    assert first == [("numpy", 0), ("numpy", 1), ("twin", 0), ("twin", 1)]
    capsys.readouterr()
    ask("twin", seeds=3, margin=0.5)
    assert saved() == sorted([*first, ("numpy", 2), ("twin", 2)])
    assert "4 runs found" in capsys.readouterr().err
    ask("twin", seeds=2, margin=0.5)
    assert len(saved()) == 6
    assert "4 runs, 0 of them trained now" in capsys.readouterr().out, "the third does not count"


def test_an_interrupted_command_goes_on_where_it_was(ask, saved, monkeypatch, capsys):
    from benchbench.experiments import session

    conduct, calls = session.conduct, []

    def interrupted(groups, store, timeout, listener):
        calls.append(groups)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return conduct(groups, store, timeout, listener)

    monkeypatch.setattr(session, "conduct", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask("twin", margin=0.5)
    assert saved() == [("numpy", 0), ("twin", 0)]
    assert ask("twin", margin=0.5) == 0
    assert saved() == [("numpy", 0), ("numpy", 1), ("twin", 0), ("twin", 1)]


@pytest.mark.exhaustive
def test_a_seed_that_failed_makes_the_cell_incomplete_until_it_is_well(
    ask, saved, capsys, tmp_path, monkeypatch
):
    well = tmp_path / "well"
    monkeypatch.setenv("CHEATS_WELL", str(well))
    assert ask("fails-once", "twin", margin=0.5) == 1
    said = capsys.readouterr().out
    assert "**INCOMPLETE**: single-layer, fails-once, idiomatic" in said
    assert "1 of 2 seeds (1); seed 1: failed: RuntimeError: not well today" in said
    assert "EQUIVALENT" in said, "the twin is judged all the same"
    well.touch()
    assert ask("fails-once", "twin", margin=0.5) == 0
    assert saved().count(("fails-once", 1)) == 2
    assert saved().count(("twin", 1)) == 1


def test_one_bad_seed_of_the_reference_leaves_nothing_to_test_against(
    ask, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("CHEATS_WELL", str(tmp_path / "never"))
    assert ask("twin", reference="fails-once", margin=0.5, as_json=True) == 1
    found = rows(capsys)
    assert {row["standing"] for row in found.values()} == {"INCOMPLETE"}
    assert "fails-once idiomatic has no finished run" in found["twin"]["reason"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 1}, "--seeds 1: a test over seeds needs 2"),
        ({"margin": 0.0}, "not 0.0"),
        ({"margin": 20.0}, "0.002 for 0.2 percentage points"),
        ({"reference": "twin"}, "name another backend"),
        ({"reference": "nunpy"}, "did you mean 'numpy'?"),
        ({"divisions": "tuned"}, "it has idiomatic"),
    ],
)
def test_what_cannot_be_tested_is_refused_before_training(ask, saved, changes, message):
    with pytest.raises(UsageError) as refusal:
        ask("twin", **changes)
    assert message in str(refusal.value)
    assert not saved()


@pytest.fixture
def keep(chosen, tmp_path):
    """Save a run of single-layer, one epoch, as `ask` would have trained it, changed as told."""
    store, protocol = Store(tmp_path / "results"), TrainingProtocol(epochs=1)
    store.prepare()

    def save(backend: str, seed: int, accuracy: float | None = 0.8, **changes) -> None:
        as_asked = {
            "run_id": f"kept-{len(list(store.folder.iterdir())):03d}",
            "model": "single-layer",
            "dataset": chosen.name,
            "protocol": protocol,
            "spec_sha256": spec_sha256(MODELS["single-layer"], protocol),
            "dataset_sha256": chosen.sha256,
            "test": FinalScore(loss=0.6, accuracy=accuracy, image_count=500),
        }
        store.save(make_record(backend=backend, seed=seed, **as_asked | changes))

    return save


@pytest.fixture
def planned(monkeypatch):
    """Train nothing; list (backend, seed) of what would have been trained."""
    from benchbench.experiments import session

    requests = []

    def note(groups, *_):
        requests.extend(run.request for group in groups for run in group.runs)

    monkeypatch.setattr(session, "conduct", note)
    return lambda: [(request.backend, request.seed) for request in requests]


OUT_OF_BAND = Check("test metric", False, "in the band", "out of it")
BROKEN = Check("parameter count", False, "1", "2")
DOES_NOT_COUNT = {
    "broken": {"checks": (BROKEN,)},
    "not finite": {"accuracy": None},
    "crashed": {"status": "crashed", "error": "it died", "test": None},
    "other division": {"division": "tuned"},
    "other data": {"dataset_sha256": "e" * 64},
    "other epochs": {"spec_sha256": spec_sha256(MODELS["single-layer"], TrainingProtocol())},
    "other device": {"device": "cuda:0"},
    "slowed down": {"variant": Variant("slow", slowdown=0.1)},
}


@pytest.mark.parametrize("changes", DOES_NOT_COUNT.values(), ids=DOES_NOT_COUNT)
def test_a_run_of_something_else_or_with_a_fault_does_not_count(ask, keep, planned, changes):
    for backend in ("numpy", "twin"):
        keep(backend, 0)
        keep(backend, 1, **changes if backend == "twin" else {})
    ask("twin", device="cpu")
    assert planned() == [("twin", 1)]


def test_a_run_outside_its_band_counts_for_the_band_is_what_it_is_to_prove(
    ask, keep, planned, capsys
):
    for seed in (0, 1):
        keep("numpy", seed)
        keep("twin", seed, 0.7, status="invalid", checks=(OUT_OF_BAND,))
    assert ask("twin") == 1
    assert not planned()
    said = capsys.readouterr().out
    assert "TOO BAD" in said
    assert "-10.000 (-10.000 to -10.000)" in said


def test_every_missing_run_has_a_plan_of_its_own_seed_by_seed(ask, keep, planned):
    keep("numpy", 1)
    keep("twin", 0)
    keep("twin", 3)
    ask("twin", seeds=4)
    assert planned() == [("numpy", 0), ("twin", 1), ("numpy", 2), ("twin", 2), ("numpy", 3)]


def test_runs_of_different_versions_are_told_of(ask, keep, planned, capsys):
    for seed in (0, 1):
        keep("numpy", seed, versions={"numpy": f"2.{seed}"})
        keep("twin", seed)
    ask("twin", device="cuda")
    assert len(planned()) == 4, "runs on the CPU are no answer for a GPU"
    capsys.readouterr()
    ask("twin", device="auto")
    warning = capsys.readouterr().err
    assert "runs of single-layer numpy-idiomatic were made with different" in warning
    assert "numpy 2.0 / cpu, numpy 2.1" in warning


def test_json_holds_the_whole_test_and_nothing_that_is_not_finite(ask, keep, planned, capsys):
    for seed, accuracy in enumerate((0.80, 0.81, 0.82)):
        keep("numpy", seed, accuracy)
        keep("twin", seed, accuracy + 0.001)
    ask("twin", seeds=3, margin=0.02, as_json=True)
    row = rows(capsys)["twin"]
    assert row["accuracies"] == {"0": 0.801, "1": 0.811, "2": 0.821}
    test = row["test"]
    assert test["difference"] == pytest.approx(0.001)
    assert test["degrees_of_freedom"] == pytest.approx(4)
    low, high = test["interval"]
    assert low < test["difference"] < high
    assert (test["margin"], test["verdict"]) == (0.02, row["standing"])
    assert test["reason"] == row["reason"]


def test_each_model_is_tested_against_its_own_reference(ask, keep, planned, capsys):
    two = {
        "model": "two-layer",
        "spec_sha256": spec_sha256(MODELS["two-layer"], TrainingProtocol(epochs=1)),
    }
    for seed in (0, 1):
        keep("numpy", seed, 0.8)
        keep("twin", seed, 0.8)
        keep("numpy", seed, 0.9, **two)
        keep("twin", seed, 0.9, **two)
    both = [MODELS["single-layer"], MODELS["two-layer"]]
    assert ask("numpy", "twin", models=both, divisions="all") == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if "EQUIVALENT" in line]
    assert [line.split("|")[1].strip() for line in lines] == ["single-layer", "two-layer"]
    assert [line.split("|")[-3].strip() for line in lines] == ["0.30", "0.20"]
