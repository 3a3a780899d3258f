"""A session over made-up nodes, and the commands that a user gives to it."""

from __future__ import annotations

import msgspec
import pytest
from fake_engine import FakeEngine
from stage import make_plan, make_session

from benchbench.experiments import resume as resuming
from benchbench.experiments import session_status as statuses
from benchbench.experiments.fleet.executor import FleetExecutor
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.listener import Silent
from benchbench.experiments.resume import resume
from benchbench.experiments.saved_plan import save_plan
from benchbench.experiments.units import Unit, lacking
from benchbench.run.plan import Cell
from benchbench.run.store import Store
from benchbench.spec.catalog import MODELS

CELLS = tuple(
    Cell(backend, "idiomatic", MODELS[model])
    for model in ("single-layer", "two-layer")
    for backend in ("numpy", "torch")
)


class Listener(Silent):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


class Fleet:
    """A session over made-up nodes, and the commands that a user gives to it."""

    def __init__(self, results, monkeypatch, engine, blocks, cells):
        self.store, self.engine = Store(results), engine
        self.store.prepare()
        self.listener = Listener()
        session = msgspec.structs.replace(make_session(), cells=cells, threads=0)
        self.plan = make_plan(session, blocks=blocks, executor="fake")
        self.id = session.session_id
        save_plan(self.store, self.plan)
        for module in (resuming, statuses):
            monkeypatch.setattr(module, "find_executor", lambda *_: self.executor)

    @property
    def executor(self):
        return FleetExecutor(self.engine, "the executor 'fake'", sleep=lambda _: None)

    @property
    def units(self):
        return [Unit(number, (), self.plan.session.cells) for number in range(self.plan.blocks)]

    def run(self):
        return list(self.executor.run_units(self.plan, self.units, self.store, self.listener))

    def resume(self):
        return resume(self.id, self.store, self.listener)[1]

    def told(self, words):
        return [note for note in self.listener.notes if words in note]

    def lacking(self):
        orders = OrderBook(self.store, self.id).orders().values()
        return lacking(self.plan, self.store.session(self.id), orders)


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    def _fleet(engine=None, *, blocks=4, cells=CELLS):
        return Fleet(tmp_path / "results", monkeypatch, engine or FakeEngine(), blocks, cells)

    return _fleet
