"""Which saved runs an outcome test counts, and what it makes of them; nothing is trained."""

from __future__ import annotations

import json

import msgspec
import pytest
from makers import make_record

from benchbench.certify.bands import find_band
from benchbench.records import Check, FinalScore, Variant
from benchbench.run.store import Store
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol


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
        return []

    monkeypatch.setattr(session, "conduct", note)
    return lambda: [(request.backend, request.seed) for request in requests]


@pytest.fixture(autouse=True)
def kept_band(chosen, tmp_path, monkeypatch):
    """Return the band of what `keep` saves, from a cache of this test's own."""
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))
    spec = spec_sha256(MODELS["single-layer"], TrainingProtocol(epochs=1))
    return lambda: find_band(spec, chosen.sha256)


def scattered(seed: int) -> dict[str, object]:
    """Return what changes a kept run so that its losses scatter over seeds by a few per cent."""
    one = make_record().epochs[0]
    loss = 0.6 + seed / 100
    epoch = msgspec.structs.replace(one, loss=loss, validation_loss=loss)
    return {"epochs": (epoch,), "test": FinalScore(loss, 0.8, 500)}


def test_ten_seeds_of_the_reference_alone_make_a_band_by_which_runs_are_judged(
    ask, keep, planned, capsys, kept_band
):
    for seed in range(10):
        keep("numpy", seed, **scattered(seed))
    assert kept_band() is None
    assert ask("numpy", seeds=10) == 0
    assert not planned()
    assert "outside the band of these 10 seeds of the reference" in capsys.readouterr().err
    assert (kept_band().n, kept_band().backends) == (10, ("numpy",))


def test_the_band_with_more_seeds_stays(ask, keep, planned, kept_band):
    for seed in range(12):
        keep("numpy", seed, **scattered(seed))
    for seeds, kept in ((10, 10), (12, 12), (10, 12)):
        ask("numpy", seeds=seeds)
        assert kept_band().n == kept


def test_how_long_it_will_take_is_said_from_the_runs_that_are_there(ask, keep, planned, capsys):
    for seed in range(10):
        keep("numpy", seed, **scattered(seed))
    ask("twin", seeds=10)
    said = capsys.readouterr().err
    assert "10 to train; those of the reference make the band" in said
    # Ten runs of the 45 seconds that a made-up record has.
    assert "run 1 of 10: single-layer twin-idiomatic, seed 0, about 8 min left" in said


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


def rows(capsys) -> dict[str, dict]:
    report = json.loads(capsys.readouterr().out)
    return {row["backend"]: row for row in report["rows"]}
