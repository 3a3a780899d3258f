"""The documentation says what the code does: included files, commands, fields, hooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import typer

from benchbench.cli.main import app
from benchbench.machines import GpuState, MachineState
from benchbench.plugins import contract, hookspecs
from benchbench.records import EpochRecord, Phases, RunRecord
from benchbench.run.completeness import CHECKS
from benchbench.spec.files import load_protocol
from benchbench.spec.optimizers import SGD
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("kind", [RunRecord, EpochRecord, MachineState, GpuState, Phases])
def test_every_field_of_a_record_is_in_the_manual(kind):
    page = (DOCS / "result-format.md").read_text()
    missing = [name for name in kind.__struct_encode_fields__ if f"`{name}`" not in page]
    assert not missing


def test_every_hook_and_every_method_of_the_contract_is_in_the_manual():
    page = (DOCS / "write-a-backend.md").read_text()
    hooks = [name for name in vars(hookspecs) if name.startswith("benchbench_")]
    methods = contract.Trainer.__abstractmethods__ | contract.Backend.__abstractmethods__
    assert len(hooks) == 4
    assert not [name for name in (*hooks, *methods) if name not in page]


def test_every_check_is_in_the_manual():
    page = (DOCS / "how-a-run-works.md").read_text()
    assert not [name for name in CHECKS if name not in page]


def test_the_protocol_of_the_manual_is_one(tmp_path):
    page = (DOCS / "protocols.md").read_text()
    path = tmp_path / "sgd-cosine.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    schedule = Cosine(0.1, 1775, warmup_steps=100, warmup_from=0.001)
    sgd = SGD(schedule, momentum=0.9, nesterov=True, weight_decay=5e-4)
    assert load_protocol(path) == TrainingProtocol(optimizer=sgd, clip_norm=1.0)


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in plain}


def test_links_lead_somewhere():
    """To a file that is there, and to a heading in it."""
    followed = 0
    for page in (*PAGES, *(ROOT / "results").rglob("*.md")):
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", page.read_text()):
            place = (page.parent / target).resolve() if target else page
            assert place.exists(), f"{page.name} links to {target}"
            if anchor:
                followed += 1
                assert anchor in _anchors(place), f"{page.name} links to {target}#{anchor}"
    assert followed > 30


def test_pages_that_the_code_names_are_there():
    """Messages and comments send readers to pages: `docs/certificate.md`."""
    for room in ("benchbench", "backends", "studies"):
        for path in (ROOT / room).rglob("*.py"):
            for name in re.findall(r"\bdocs/[\w-]+\.(?:md|json)", path.read_text()):
                assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_every_page_is_reached_from_the_readme():
    readme = (ROOT / "README.md").read_text()
    missing = [page.name for page in DOCS.glob("*.md") if f"docs/{page.name}" not in readme]
    assert not missing


def test_every_option_that_the_documentation_names_exists():
    command_line = typer.main.get_command(app)
    verbs = {
        name: command_line.get_command(None, name) for name in command_line.list_commands(None)
    }
    assert len(verbs) >= 15
    known = set(_options(verbs.values()))
    for page in PAGES:
        for command in re.findall(rf"benchbench (?:{'|'.join(verbs)})[^\n`]*", page.read_text()):
            unknown = set(re.findall(r"--[a-z0-9-]+", command)) - known
            assert not unknown, f"{page.name}: {command}"


def _options(commands: Iterable[typer.core.TyperCommand]) -> Iterator[str]:
    for command in commands:
        yield "--help"
        yield from _options(getattr(command, "commands", {}).values())
        for parameter in command.params:
            yield from (*parameter.opts, *parameter.secondary_opts)
