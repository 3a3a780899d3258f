"""Cells that differ in their environment: sources from elsewhere, through real workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.data import catalog
from benchbench.experiments.listener import Silent
from benchbench.records import Variant
from benchbench.run.conductor import Conductor
from benchbench.run.plan import Cell, Environment, Session
from benchbench.run.store import Store
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

MISFITS = Path(__file__).parents[1] / "misfits.py"


@pytest.fixture
def conduct(misfits, no_calibration, small_mnist, tmp_path):
    """Run one block of variants of `null`; return which sources each says it comes from."""

    def _conduct(*cells: tuple[Variant | None, tuple[str, ...]]) -> dict[Variant | None, str]:
        session = Session(
            cells=tuple(
                Cell(
                    "null",
                    "idiomatic",
                    MODELS["single-layer"],
                    environment=Environment(import_path=path),
                    variant=variant,
                )
                for variant, path in cells
            ),
            protocol=TrainingProtocol(epochs=1),
            dataset=catalog.choose(str(small_mnist), {}),
            device="cpu",
            threads=1,
            cpus=None,
            seed=3,
        )
        store = Store(tmp_path / "results")
        store.prepare()
        conductor = Conductor(store=store, listener=Silent(), timeout=60)
        records = conductor.conduct(session.block(2))
        return {record.variant: record.settings["work"] for record in records}

    return _conduct


@pytest.fixture
def write_sources(tmp_path):
    """Write the misfits into a folder, with a setting that says from where they are."""

    def _write_sources(name: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        text = MISFITS.read_text()
        assert text.count('"work": "none"') == 1
        (folder / "misfits.py").write_text(text.replace('"work": "none"', f'"work": "{name}"'))
        return str(folder)

    return _write_sources


def test_sources_come_from_the_import_path_of_the_cell(conduct, write_sources):
    there = Variant("elsewhere", commit="0" * 40)
    found = conduct((None, ()), (there, (write_sources("elsewhere"),)))
    assert found == {None: "none", there: "elsewhere"}


def test_the_import_path_comes_before_the_working_folder_too(conduct, write_sources, monkeypatch):
    # Who compares checkouts often stands in one, and `python -m` looks there first.
    monkeypatch.chdir(write_sources("here"))
    there = Variant("there")
    assert conduct((there, (write_sources("there"),))) == {there: "there"}
