"""What `benchbench gate` does not compare: trees of which one lacks something, and bad input."""

from __future__ import annotations

import os

import pytest
from gated import PLUGIN, last


def test_a_cell_that_the_other_tree_lacks_fails(gate):
    gate.plant(PLUGIN.replace('"sleeper", ()', '"dozer", ()'))
    done = gate()
    assert done.returncode == 1
    assert last(done.stdout).endswith("has no backend 'dozer'")
    assert not gate.command.records()


def test_a_division_that_the_other_tree_lacks_fails(gate):
    both = 'MisfitBackend(Sleeper), ("idiomatic", "tuned")'
    gate.plant(PLUGIN.replace("MisfitBackend(Sleeper)", both))
    done = gate()
    assert done.returncode == 1
    assert "has no division 'tuned', only idiomatic" in last(done.stdout)


def test_a_module_that_only_this_tree_has_is_not_compared_with_itself(gate, tmp_path):
    gate.repository.commit("src/other.py", PLUGIN)
    entry_points = tmp_path / "site-packages" / "sleeper-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[benchbench]\nsleeper = other\n")
    done = gate("--against", "HEAD~1")
    assert done.returncode == 1
    assert r"the module other is not in HEAD\~1@" in last(done.stdout)


def test_a_model_that_has_become_another_fails(gate):
    model = """
from benchbench import Dense, Flatten, ModelSpec
@hookimpl
def benchbench_models():
    return [ModelSpec("mine", (28, 28, 1), (Flatten(), Dense({}), Dense(10, "softmax")))]
"""
    gate.repository.commit("src/plugin.py", PLUGIN + model.format("8, 'relu'"))
    gate.plant(PLUGIN + model.format("9, 'relu'"))
    done = gate("--model", "mine")
    assert done.returncode == 1
    assert "the spec of 'mine' is another one in main@" in last(done.stdout)
    assert not gate.command.records()


def test_a_run_that_fails_fails_the_gate(gate):
    gate.plant(PLUGIN.replace("super().epoch()", "raise RuntimeError('the sky fell')"))
    done = gate()
    assert done.returncode == 1
    assert last(done.stdout).startswith("FAIL: ")
    assert "the sky fell" in last(done.stdout)
    assert len(gate.command.records()) == 2, "nothing is to be had from further blocks"


def test_another_tree_that_cannot_be_imported_fails(gate):
    gate.repository.commit("src/plugin.py", "raise RuntimeError('not yet written')\n")
    gate.plant(PLUGIN)
    done = gate()
    assert done.returncode == 1
    assert "has no backend 'sleeper'" in last(done.stdout)


BAD = {
    "unknown ref": (["--against", "mian"], 1, "no commit 'mian'", "did you mean 'main'?"),
    "backend from elsewhere": (
        ["--backend", "slow"],
        1,
        "its module misfits is not imported from",
        "pip install -e",
    ),
    "unknown backend": (["--backend", "sleper"], 2, "did you mean 'sleeper'?", ""),
    "unknown model": (["--model", "mine"], 2, "no model 'mine'", ""),
    "no blocks": (["--blocks", "0"], 2, "0 is not in the range", ""),
    "one epoch": (["--epochs", "1"], 2, "1 is not in the range", ""),
    "margin that is no fraction": (["--margin", "three"], 2, "--margin three", "like 3% or 0.03"),
    "budget that is no time": (["--budget", "soon"], 2, "--budget soon", "like 90s, 30m or 2h"),
    "empty budget": (["--budget", ""], 2, "--budget : give a time", "like 90s, 30m or 2h"),
    "unknown division": (
        ["--division", "best"],
        2,
        "a division 'best'",
        "idiomatic and all",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_was_expected_and_trains_nothing(gate, case):
    arguments, code, *messages = BAD[case]
    done = gate(*arguments)
    assert done.returncode == code, done.stderr
    assert all(message in done.stderr for message in messages), done.stderr
    assert "Traceback" not in done.stderr
    assert not gate.command.records()
    assert gate.leaves_nothing()


def test_a_folder_that_is_no_checkout_is_refused(gate, tmp_path):
    done = gate(cwd=tmp_path)
    assert done.returncode == 1
    assert "is not in a git checkout" in done.stderr


def test_a_checkout_that_nothing_is_imported_from_is_refused(gate):
    outer = gate.command.environment["PYTHONPATH"]
    gate.command.environment["PYTHONPATH"] = outer.partition(os.pathsep)[0]
    done = gate()
    assert done.returncode == 1
    assert "pip install -e" in done.stderr
