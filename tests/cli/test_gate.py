"""`benchbench gate` over real repositories: a plugin in git, its other state beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gated import CERTIFIABLE, FASTER, PLUGIN, SLOWER, last


def saved(gate) -> str:
    """Return code for the number of records that are there by then."""
    return f"len(list(__import__('pathlib').Path({str(gate.command.results)!r}).rglob('*.json')))"


def test_a_slower_tree_is_found_confirmed_and_fails(gate):
    gate.plant(SLOWER)
    done = gate("--blocks", "2", "--max-blocks", "2")
    assert done.returncode == 1, done.stderr
    assert "| SLOWER, confirmed |" in done.stdout
    assert last(done.stdout).startswith("FAIL: single-layer sleeper idiomatic: SLOWER: 1.3")
    assert "with uncommitted changes in src/plugin.py" in done.stdout
    assert "with uncommitted changes in src/plugin.py" in done.stderr
    records = gate.command.records()
    assert len({record.session_id for record in records}) == 2
    head = gate.repository("rev-parse", "HEAD").strip()
    assert {(one.variant.label, one.variant.commit) for one in records} == {
        ("tree", None),
        (f"main@{head[:7]}", head),
    }
    for record in records:
        seconds = 0.1 if record.variant.commit else 0.1 * 4 / 3
        assert all(epoch.train_seconds == seconds for epoch in record.epochs)
    assert f"single-layer sleeper idiomatic main@{head[:7]} (block 1)" in done.stderr
    assert gate.leaves_nothing()


@pytest.mark.exhaustive
def test_an_unchanged_tree_passes_and_is_told_so(gate):
    done = gate("--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    (row,) = report["rows"]
    assert report["passed"]
    assert not report["objections"]
    contrast = row["first"]["contrast"]
    assert contrast["verdict"] == "SAME"
    assert contrast["steady"]["block_count"] == 3
    assert contrast["steady"]["low"] < 1.03
    assert contrast["steady"]["high"] > 1 / 1.03
    assert row["second"] is None
    assert "the tree is compared with itself" in done.stderr
    assert report["commit"] == report["ref_commit"]
    assert {record.variant.commit for record in gate.command.records()} == {report["commit"]}
    assert gate.leaves_nothing()


@pytest.mark.exhaustive
def test_a_faster_tree_passes(gate):
    gate.repository.commit("src/plugin.py", FASTER)
    done = gate("--against", "HEAD~1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert last(done.stdout) == "PASS: 1 FASTER"


@pytest.mark.exhaustive
def test_a_second_session_may_acquit(gate, tmp_path):
    # Slow until a session is over: so it looks when something else keeps the machine busy.
    gate.plant(SLOWER.replace("4 / 3", f"(4 / 3 if {saved(gate)} < 6 else 1)"))
    done = gate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| SLOWER, not confirmed |" in done.stdout
    assert "a second session does not confirm it, so it passes" in done.stdout
    assert last(done.stdout) == "PASS: 1 SLOWER (1 SLOWER not confirmed)"


@pytest.mark.exhaustive
def test_undecided_passes_with_what_it_lacks_and_fails_where_it_must_be_decided(gate):
    # Twice as slow in one block, twice as fast in the next.
    gate.plant(PLUGIN.replace("return 0.1", f"return 0.2 if {saved(gate)} // 2 % 2 else 0.05"))
    done = gate("--budget", "1s", "--max-blocks", "9")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "UNDECIDED: " in done.stdout
    assert last(done.stdout) == "PASS: 1 UNDECIDED"
    assert len(gate.command.records()) == 6, "the budget was spent, but not at the cost of blocks"
    strict = gate("--strict")
    assert strict.returncode == 1
    assert "UNDECIDED, and --strict was given" in last(strict.stdout)


@pytest.mark.exhaustive
def test_it_goes_on_until_the_interval_is_narrow_whatever_it_says(gate):
    done = gate("--blocks", "2", "--max-blocks", "8", "--json")
    steady = json.loads(done.stdout)["rows"][0]["first"]["contrast"]["steady"]
    assert steady["high"] / steady["low"] <= 1.03**2
    assert steady["block_count"] == 2


def test_both_trees_are_certified_by_their_own_code(gate):
    gate.repository.commit("src/plugin.py", CERTIFIABLE)
    gate.plant(CERTIFIABLE + "CHANGED = True\n")
    done = gate("--blocks", "2", certify=True)
    assert done.returncode == 0, done.stdout + done.stderr
    certificates = {record.certificate.sources_sha256 for record in gate.command.records()}
    assert len(certificates) == 2, "each tree's sources have a hash of their own"
    assert "--no-certify" not in done.stdout


@pytest.mark.parametrize("broken", ["tree", "main"])
def test_a_tree_that_does_not_hold_a_certificate_fails_before_anything_is_timed(gate, broken):
    if broken == "tree":
        gate.repository.commit("src/plugin.py", CERTIFIABLE)
        gate.plant(PLUGIN)
    else:
        gate.plant(CERTIFIABLE)
    done = gate(certify=True)
    assert done.returncode == 1
    assert last(done.stdout).startswith("FAIL: single-layer sleeper idiomatic: ")
    assert ("this tree" if broken == "tree" else "main@") in last(done.stdout)
    assert "differs" in last(done.stdout)
    assert not gate.command.records()
    assert gate.leaves_nothing()


@pytest.mark.exhaustive
def test_the_workflow_in_the_manual_runs(gate, tmp_path):
    """Its two commands, as they stand there, over a plugin that can be certified."""
    gate.repository.commit("src/plugin.py", CERTIFIABLE)
    page = (Path(__file__).parents[2] / "docs" / "page.md").read_text()
    commands = re.findall(r"^ {10}(benchbench .*)$", page, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["gate", "report"]
    summary = tmp_path / "summary.md"
    steps = [
        f'benchbench() {{ "{sys.executable}" -m benchbench "$@"; }}',
        *commands,
    ]
    environment = gate.command.environment | {"BASE": "main", "GITHUB_STEP_SUMMARY": str(summary)}
    done = subprocess.run(
        ["/bin/bash", "-ec", "\n".join(steps)],
        cwd=gate.repository.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| model " in summary.read_text()
    assert last(summary.read_text()).startswith("PASS")
    assert (gate.repository.root / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_plugin_s_own_model_is_gated_by_its_name(gate):
    model = """
from benchbench import Dense, Flatten, ModelSpec
@hookimpl
def benchbench_models():
    return [ModelSpec("mine", (28, 28, 1), (Flatten(), Dense(10, "softmax")))]
"""
    gate.repository.commit("src/plugin.py", PLUGIN + model)
    gate.plant(PLUGIN + model + "CHANGED = True\n")
    done = gate("--model", "mine", "--blocks", "2", "--max-blocks", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert last(done.stdout) == "PASS: 1 SAME"
    assert {record.model for record in gate.command.records()} == {"mine"}
