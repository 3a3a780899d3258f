"""`benchbench gate` over real repositories: a plugin in git, its other state beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchbench.run import part
from benchbench.run.store import read

# It trains nothing, like the misfits. The seconds of its epochs are made up, where the clock writes
# them down: so no verdict hangs on how busy this machine is. The conductor does not compare them
# with its own.
PLUGIN = """
from benchbench import BackendInfo, hookimpl
from benchbench.measure import clock
from benchbench.records import EpochRecord
from misfits import MisfitBackend, NullTrainer

clock.EpochRecord = lambda **fields: EpochRecord(**fields | {"train_seconds": seconds()})

def seconds():
    return 0.1

class Sleeper(NullTrainer):
    def epoch(self):
        super().epoch()

@hookimpl
def benchbench_backends():
    return [BackendInfo("sleeper", (), lambda: MisfitBackend(Sleeper))]
"""
SLOWER = PLUGIN.replace("return 0.1", "return 0.1 * 4 / 3")
FASTER = PLUGIN.replace("return 0.1", "return 0.1 / 2")

# It trains what the reference trains, so that it can be certified.
CERTIFIABLE = """
from benchbench import BackendInfo, hookimpl

def create():
    from benchbench.plugins.registry import load_registry
    return load_registry().backend("numpy").create()

@hookimpl
def benchbench_backends():
    return [BackendInfo("sleeper", (), create)]
"""


@dataclasses.dataclass
class Gate:
    """The command in a repository whose plugin is imported from its folder `src`."""

    repository: object
    command: object

    def __call__(self, *arguments: str, certify: bool = False, **options):
        return self.command(*self.words(*arguments, certify=certify), **self.options(options))

    def words(self, *arguments: str, certify: bool = False) -> list[str]:
        against = () if "--against" in arguments else ("--against", "main")
        return [
            *("gate", *against, "--dataset", str(self.command.dataset), "--threads", "1"),
            *("--results", str(self.command.results), "--blocks", "3", "--max-blocks", "3"),
            *("--epochs", "6", *(() if certify else ("--no-certify",)), *arguments),
        ]

    def options(self, more):
        return {"cwd": self.repository.root} | more

    def plant(self, code: str) -> None:
        """Change the plugin, without a commit."""
        self.repository.write("src/plugin.py", code)


@pytest.fixture
def gate(command, repository, tmp_path, monkeypatch) -> Gate:
    """Give the gate over a repository, whose plugin is as in its last commit."""
    repository.commit("src/plugin.py", PLUGIN)
    info = tmp_path / "site-packages" / "sleeper-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sleeper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[benchbench]\nsleeper = plugin\n")
    monkeypatch.setattr(part, "disagreements", lambda *_, **__: ())
    source = str(repository.root / "src")
    command.environment["PYTHONPATH"] += os.pathsep + source
    command.environment["TMPDIR"] = str(tmp_path / "temporary")
    Path(command.environment["TMPDIR"]).mkdir()
    return Gate(repository, command)


def last(stdout: str) -> str:
    return stdout.strip().splitlines()[-1]


def saved(gate: Gate) -> str:
    """Return code for the number of records that are there by then."""
    return f"len(list(__import__('pathlib').Path({str(gate.command.results)!r}).rglob('*.json')))"


def leaves_nothing(gate: Gate) -> bool:
    temporary = Path(gate.command.environment["TMPDIR"])
    return len(gate.repository.worktrees()) == 1 and not list(temporary.glob("benchbench-*/*"))


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
    assert leaves_nothing(gate)


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
    assert leaves_nothing(gate)


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
    assert leaves_nothing(gate)


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
        "'slow' is imported from",
        "pip install -e",
    ),
    "unknown backend": (["--backend", "sleper"], 2, "did you mean 'sleeper'?", ""),
    "unknown model": (["--model", "mine"], 2, "no model 'mine'", ""),
    "no blocks": (["--blocks", "0"], 2, "0 is not in the range", ""),
    "one epoch": (["--epochs", "1"], 2, "1 is not in the range", ""),
    "margin that is no fraction": (["--margin", "three"], 2, "--margin three", "like 3% or 0.03"),
    "budget that is no time": (["--budget", "soon"], 2, "--budget soon", "like 90s, 30m or 2h"),
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
    assert leaves_nothing(gate)


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


def test_ctrl_c_leaves_no_worktree_and_saves_what_was_done(gate, tmp_path):
    asleep = f"__import__('pathlib').Path({str(tmp_path / 'asleep')!r})"
    gate.plant(PLUGIN.replace("super().epoch()", f"{asleep}.touch(); __import__('signal').pause()"))
    words = gate.words("--blocks", "2")
    process = gate.command.start(*words, **gate.options({"start_new_session": True}))
    deadline = time.monotonic() + 60
    while not (tmp_path / "asleep").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(gate.repository.worktrees()) == 2
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert leaves_nothing(gate)
    records, _ = read(gate.command.results)
    assert {record.status for record in records} == {"interrupted"}


def test_ctrl_c_while_the_other_tree_certifies_leaves_no_process(gate, tmp_path):
    asleep = f"__import__('pathlib').Path({str(tmp_path / 'asleep')!r})"
    hangs = f"def create():\n    {asleep}.write_text(str(__import__('os').getpid()))\n"
    hangs += "    __import__('time').sleep(600)\n"
    gate.repository.commit("src/plugin.py", CERTIFIABLE.replace("def create():\n", hangs))
    gate.plant(CERTIFIABLE)
    words = gate.words(certify=True)
    process = gate.command.start(*words, **gate.options({"start_new_session": True}))
    deadline = time.monotonic() + 60
    while not (tmp_path / "asleep").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    sleeper = Path("/proc") / (tmp_path / "asleep").read_text()
    while sleeper.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not sleeper.exists(), "it sleeps on, with nobody to wake it"
    assert leaves_nothing(gate)


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
