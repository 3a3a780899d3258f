"""The command line, called in this process as the `benchbench` command calls it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from gated import PLUGIN, Gate

from benchbench.cli import main
from benchbench.cli.progress import progress
from benchbench.data import catalog
from benchbench.experiments.equivalence import Equivalence, find_references
from benchbench.experiments.selection import find_backends, find_cells
from benchbench.plugins.registry import load_registry
from benchbench.report.outcome import build
from benchbench.report.renderers import json as as_json_text
from benchbench.report.renderers import markdown
from benchbench.run import part
from benchbench.run.store import Store, read
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def benchbench(capsys, monkeypatch) -> Callable[..., Answer]:
    """Run `benchbench ARGUMENTS...`."""
    # main() takes SIGTERM for itself.
    monkeypatch.setattr(main.signal, "signal", lambda *_: signal.SIG_DFL)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["benchbench", *arguments])
        with pytest.raises(SystemExit) as stop:
            main.main()
        said = capsys.readouterr()
        return Answer(int(stop.value.code or 0), said.out, said.err)

    return call


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


@pytest.fixture
def chosen(small_mnist):
    return catalog.choose(str(small_mnist), {})


@pytest.fixture
def ask(install, no_calibration, chosen, tmp_path, monkeypatch):
    """Call `outcome` on the small data set, with the cheats for backends."""
    install("cheats", (Path(__file__).parents[1] / "cheats.py").read_text())
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
