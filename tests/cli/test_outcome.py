"""Outcome equivalence through real processes: cheats fail, a twin passes, nothing is done twice."""

from __future__ import annotations

import json

import pytest

from benchbench import Dense, ModelSpec
from benchbench.certify.bands import Band, LogLosses, keep_band
from benchbench.data import catalog
from benchbench.data.chosen import Chosen
from benchbench.errors import UsageError
from benchbench.run.store import read
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

PRICE = ModelSpec("price", (2,), (Dense(1),))


def rows(capsys) -> dict[str, dict]:
    report = json.loads(capsys.readouterr().out)
    return {row["backend"]: row for row in report["rows"]}


def test_a_band_of_ones_own_judges_later_runs_as_a_shipped_one(
    ask, saved, chosen, tmp_path, monkeypatch
):
    """The band is made up; the run is a real one, in a process of its own."""
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))
    low = LogLosses((-3.0,), (0.01,))
    band = Band(
        *("single-layer", chosen.name),
        spec_sha256(MODELS["single-layer"], TrainingProtocol(epochs=1)),
        chosen.sha256,
        mean=0.5,
        sd=0.1,
        n=10,
        backends=("numpy",),
        training_loss=low,
    )
    keep_band(band)
    ask("twin", margin=0.5)
    runs = read(tmp_path / "results")[0]
    assert {run.status for run in runs} == {"invalid"}
    for run in runs:
        (check,) = [one for one in run.checks if one.passed is False]
        assert check.name == "losses"
        assert check.expected.startswith("training loss of epoch 1 from 0.0")
        assert "(10 seeds: 0.04979)" in check.expected


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
        ({"chosen": catalog.choose("synthetic", {})}, "--outcome needs real data"),
        (
            {"models": (PRICE,), "chosen": Chosen("housing", sha256="0" * 64), "margin": -1.0},
            "or of the reference's error, above 0 and up to 1",
        ),
    ],
)
def test_what_cannot_be_tested_is_refused_before_training(ask, saved, changes, message):
    with pytest.raises(UsageError) as refusal:
        ask("twin", **changes)
    assert message in str(refusal.value)
    assert not saved()
