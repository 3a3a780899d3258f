"""Runs that differ in nothing but their variant: a slow-down, or sources from elsewhere."""

from __future__ import annotations

import pytest

from benchbench.data import catalog
from benchbench.plugins.registry import load_registry
from benchbench.records import Variant
from benchbench.run.conductor import Conductor
from benchbench.run.plan import Cell, Session
from benchbench.run.store import Store
from benchbench.spec.protocol import TrainingProtocol


class Nobody:
    def group_started(self, requests):
        pass

    def epoch_done(self, request, number, epoch):
        pass

    def run_finished(self, record):
        pass


@pytest.fixture
def conduct(misfits, small_mnist, tmp_path):
    """Run one block of variants of `slow`, whose epoch is a tenth of a second asleep."""

    def _conduct(*cells: tuple[Variant | None, tuple[str, ...]]):
        registry = load_registry()
        session = Session(
            cells=[
                Cell(
                    registry.backend("slow"),
                    "idiomatic",
                    registry.model("single-layer"),
                    variant=variant,
                    import_path=path,
                )
                for variant, path in cells
            ],
            protocol=TrainingProtocol(epochs=4),
            dataset=catalog.choose(str(small_mnist), {}),
            device="cpu",
            threads=1,
            cpus=None,
            seed=3,
        )
        store = Store(tmp_path / "results")
        store.prepare()
        conductor = Conductor(store=store, listener=Nobody(), timeout=60)
        return {record.variant: record for record in conductor.conduct(session.block(2))}

    return _conduct


def test_a_slowdown_draws_out_the_training_epochs_and_nothing_else(conduct):
    slow = Variant("half as long again", slowdown=0.5)
    records = conduct((None, ()), (slow, ()))
    shortest = {
        variant: min(epoch.train_seconds for epoch in record.epochs)
        for variant, record in records.items()
    }
    assert shortest[None] >= 0.1
    assert shortest[slow] >= 0.15, "a sleep may be longer than asked for, but not shorter"
    assert records[slow].phases.validation < 4 * 0.05
    assert records[slow].run_id.endswith("-002-single-layer-slow-idiomatic-half-as-long-again")
    assert records[slow].seed == 5


def test_sources_come_from_the_import_path_of_the_cell(conduct, tmp_path, misfit_source):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "misfits.py").write_text(misfit_source(0.3))
    there = Variant("elsewhere", commit="0" * 40)
    records = conduct((None, ()), (there, (str(elsewhere),)))
    assert 0.1 <= min(epoch.train_seconds for epoch in records[None].epochs) < 0.3
    assert all(epoch.train_seconds >= 0.3 for epoch in records[there].epochs)


def test_the_import_path_comes_before_the_working_folder_too(
    conduct, tmp_path, monkeypatch, misfit_source
):
    # Who compares checkouts often stands in one, and `python -m` looks there first.
    for name, seconds in (("here", 0.1), ("there", 0.3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "misfits.py").write_text(misfit_source(seconds))
    monkeypatch.chdir(tmp_path / "here")
    there = Variant("there")
    records = conduct((there, (str(tmp_path / "there"),)))
    assert all(epoch.train_seconds >= 0.3 for epoch in records[there].epochs)
