"""The documentation says what the code does: included files, commands, fields, hooks."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchbench.plugins import contract, hookspecs
from benchbench.records import EpochRecord, MachineState, Phases, RunRecord
from benchbench.run.checks import check_run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])


def test_the_backend_of_the_manual_is_the_file_beside_it():
    assert (DOCS / "softmax_backend.py").read_text() in (DOCS / "write-a-backend.md").read_text()


def test_the_backend_of_the_manual_installs_and_trains(install, command):
    page = (DOCS / "write-a-backend.md").read_text()
    (pyproject,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    ((name, module),) = tomllib.loads(pyproject)["project"]["entry-points"]["benchbench"].items()
    install(module.replace("_", "-"), (DOCS / f"{module}.py").read_text(), plugin=name)
    models = ("--model", "single-layer", "--model", "two-layer")
    done = command.run("softmax", "--backend", "numpy", *models)
    found = {(record.backend, record.model): record for record in command.records()}
    assert found["softmax", "single-layer"].status == "ok", done.stderr
    assert found["softmax", "two-layer"].status == "skipped"
    # Same weights, same formula; only the shuffles differ.
    ours, theirs = (found[name, "single-layer"].epochs[-1].loss for name in ("softmax", "numpy"))
    assert ours == pytest.approx(theirs, rel=0.1)


@pytest.mark.parametrize("kind", [RunRecord, EpochRecord, MachineState, Phases])
def test_every_field_of_a_record_is_in_the_manual(kind):
    page = (DOCS / "result-format.md").read_text()
    missing = [name for name in kind.__struct_encode_fields__ if f"`{name}`" not in page]
    assert not missing


def test_every_hook_and_every_method_of_the_contract_is_in_the_manual():
    page = (DOCS / "write-a-backend.md").read_text()
    hooks = [name for name in vars(hookspecs) if name.startswith("benchbench_")]
    methods = contract.Trainer.__abstractmethods__ | contract.Backend.__abstractmethods__
    assert len(hooks) == 3
    assert not [name for name in (*hooks, *methods) if name not in page]


def test_every_check_is_in_the_manual():
    page = (DOCS / "how-a-run-works.md").read_text()
    names = re.findall(
        r'Check\(\s*"([^"]+)"|name, expected = "([^"]+)"',
        Path(sys.modules[check_run.__module__].__file__).read_text(),
    )
    found = {first or second for first, second in names}
    assert len(found) == 9
    assert not [name for name in found if name not in page]


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_option_that_the_documentation_names_exists():
    known = set()
    for verb in ("run", "list", "describe", "report", "doctor", "bands", "data verify"):
        done = subprocess.run(
            [sys.executable, "-m", "benchbench", *verb.split(), "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        known |= set(re.findall(r"--[a-z0-9-]+", done.stdout))
    for page in PAGES:
        for command in re.findall(
            r"benchbench (?:run|list|describe|report|doctor)[^\n`]*", page.read_text()
        ):
            unknown = set(re.findall(r"--[a-z0-9-]+", command)) - known
            assert not unknown, f"{page.name}: {command}"
