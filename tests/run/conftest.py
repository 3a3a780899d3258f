"""Fixtures for whole runs: an installed plugin of misfits, a small data set, the command."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchbench.records import RunRecord
from benchbench.run.store import read

PLUGIN = Path(__file__).parent / "plugin"


@dataclass
class Command:
    """`python -m benchbench` with the misfits installed and records in a folder of its own."""

    environment: dict[str, str]
    results: Path
    dataset: Path

    def start(self, *arguments: str, **options) -> subprocess.Popen[str]:
        """Start the command without waiting for it."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-m", "benchbench", *arguments],
            text=True,
            env=self.environment,
            **pipes | options,
        )

    def __call__(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def run(self, backend: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        """`benchbench run` on the small data set, one model, two epochs unless told otherwise."""
        epochs = () if "--epochs" in arguments else ("--epochs", "2")
        model = () if "--model" in arguments else ("--model", "single-layer")
        dataset = () if "--dataset" in arguments else ("--dataset", str(self.dataset))
        return self(
            *("run", "--backend", backend, *model, *dataset, *epochs),
            *("--results", str(self.results), *arguments),
            **options,
        )

    def records(self) -> list[RunRecord]:
        """Return what has been saved; every file must be whole."""
        records, unreadable = read(self.results)
        assert not unreadable
        return records

    def record(self) -> RunRecord:
        (record,) = self.records()
        return record


@pytest.fixture
def misfits(tmp_path, monkeypatch) -> Path:
    """Install the plugin of misfits, for this process and for those it starts."""
    site = tmp_path / "site"
    info = site / "benchbench_misfits-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: benchbench-misfits\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text("[benchbench]\nmisfits = misfits\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(site), str(PLUGIN))))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(PLUGIN))
    return site


@pytest.fixture
def command(misfits, small_mnist, tmp_path) -> Command:
    results = tmp_path / "results"
    return Command(dict(os.environ), results, small_mnist)
