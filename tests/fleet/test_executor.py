"""Blocks on made-up nodes: what is lost is told, done again once, and completed by resume."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from fake_engine import FakeEngine
from stage import make_session

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.errors import StoreError, Unavailable, UsageError
from benchbench.experiments import resume as resuming
from benchbench.experiments import saved_plan
from benchbench.experiments import session_status as statuses
from benchbench.experiments.fleet import watch as watches
from benchbench.experiments.fleet.executor import FleetExecutor
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.listener import Silent
from benchbench.experiments.matrix import BlocksLost, SessionInterrupted, must_have_records
from benchbench.experiments.resume import resume
from benchbench.experiments.saved_plan import SavedPlan, save_plan
from benchbench.experiments.units import Unit, lacking
from benchbench.plugins.registry import load_registry
from benchbench.report import fleet as report
from benchbench.report.renderers import markdown
from benchbench.run.plan import Cell
from benchbench.run.store import Store, read
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
        registry = load_registry()
        self.store, self.engine = Store(results), engine
        self.store.prepare()
        self.listener = Listener()
        session = msgspec.structs.replace(make_session(), cells=cells, threads=0)
        self.plan = SavedPlan(
            session=session,
            blocks=blocks,
            until=None,
            question=Question(),
            certified=False,
            executor="fake",
            timeout_seconds=9.0,
            versions=saved_plan.versions_here(session, registry),
            sources=saved_plan.sources_here(session, registry),
        )
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


@pytest.mark.parametrize("travels", [False, True])
def test_every_block_runs_whole_on_one_node(fleet, travels):
    one = fleet(FakeEngine(travels=travels), blocks=8)
    records = one.run()
    assert len(records) == 8 * 4
    saved, unreadable = read(one.store.folder.parent)
    assert not unreadable
    assert {record.run_id for record in saved} == {record.run_id for record in records}
    hosts = {number: set() for number in range(8)}
    for record in records:
        hosts[record.block].add(record.machine.host)
    assert {len(found) for found in hosts.values()} == {1}
    assert {host for found in hosts.values() for host in found} == {"n1", "n2"}
    assert len(one.told("done on n")) == 8
    assert one.told("block 0: running on n1")
    assert not one.lacking()


@pytest.mark.parametrize("travels", [False, True])
@pytest.mark.parametrize("fault", ["node dies", "never begun", "other version"])
def test_what_the_node_is_to_blame_for_is_done_again_once_elsewhere(fleet, fault, travels):
    one = fleet(FakeEngine(faults={1: fault}, travels=travels))
    one.run()
    (lost,) = one.told("LOST")
    assert lost.startswith("block 1: LOST on n2: ")
    assert lost.endswith("; it is done again, as block 4")
    assert one.engine.avoided == ["n2"]
    assert one.engine.ran[-1][2] == "n1"
    sections = compare(one.store.session(one.id), Question(), certified=False)
    rows = [row for section in sections for row in section.contrasts]
    assert rows
    assert {row.left_out for row in rows} == {()}
    assert not one.lacking()


def test_a_block_that_is_lost_twice_stays_lost_until_it_is_resumed(fleet):
    one = fleet(FakeEngine(faults={1: "node dies", 4: "node dies"}))
    one.run()
    assert len(one.told("LOST")) == 2
    assert not one.told("as block 5")
    assert [unit.replaces for unit in one.lacking()] == [(1, 4)]
    one.engine.faults[5] = "node dies"
    records = one.resume()
    assert not one.lacking()
    good = {record.block: record.replaces_blocks for record in records if record.status == "ok"}
    assert good == {0: (), 2: (), 3: (), 6: (1, 4, 5)}
    with pytest.raises(UsageError, match="is whole"):
        one.resume()


@pytest.mark.parametrize("fault", ["time limit", "cancelled"])
def test_what_would_only_be_lost_again_is_lost_with_its_reason(fleet, fault):
    one = fleet(FakeEngine(faults={1: fault}))
    one.run()
    assert one.told(f"block 1: LOST on n2: {fault}")
    assert not one.told("done again")
    errors = {run.error for run in one.store.session(one.id) if run.block == 1}
    assert errors == {f"the block is lost: {fault}"}
    assert {run.machine.host for run in one.store.session(one.id) if run.block == 1} == {"n2"}
    one.resume()
    assert not one.lacking()
    assert one.engine.ran[-1][0] == 4


def test_a_model_that_was_whole_is_not_run_again(fleet):
    one = fleet(FakeEngine(faults={2: "half"}))
    one.run()
    assert one.engine.ran[-1][:2] == (4, ("two-layer",))
    assert not one.lacking()
    again = [run for run in one.store.session(one.id) if run.block == 4]
    assert {run.replaces_blocks for run in again} == {(2,)}


def test_each_model_has_numbers_of_its_own(fleet):
    one = fleet(FakeEngine(faults={1: "half", 2: "node dies"}), blocks=5)
    one.run()
    assert not one.lacking()
    blocks = {
        model: sorted(
            {
                run.block
                for run in one.store.session(one.id)
                if (run.model, run.status) == (model, "ok")
            }
        )
        for model in ("single-layer", "two-layer")
    }
    assert blocks == {"single-layer": [0, 1, 3, 4, 5], "two-layer": [0, 3, 4, 5, 6]}


def test_where_there_is_no_other_node_it_is_said_and_lost(fleet):
    one = fleet(FakeEngine(nodes=("n1",), faults={1: "node dies"}))
    one.run()
    assert one.told("block 1 cannot be done again elsewhere: there is no other node")
    assert [unit.replaces for unit in one.lacking()] == [(1,)]


def test_of_two_records_of_a_run_the_first_stays_and_the_second_is_told(fleet):
    one = fleet(FakeEngine(faults={1: "twice"}, travels=True))
    one.run()
    assert one.told("block 1: a second record of")
    assert not one.lacking()


def test_an_interrupt_cancels_and_resume_completes(fleet, monkeypatch):
    one = fleet(blocks=6)
    looks = itertools.count()

    def look(jobs):
        if next(looks) == 2:
            raise KeyboardInterrupt
        return FakeEngine.look(one.engine, jobs)

    monkeypatch.setattr(one.engine, "look", look)
    with pytest.raises(KeyboardInterrupt) as stopped:
        one.run()
    told = "blocks that were under way and have been cancelled: 4"
    assert told in stopped.value.__notes__
    assert one.engine.cancelled
    assert one.engine.closed
    one.resume()
    assert not one.lacking()


def test_a_command_that_died_is_taken_up_where_it_was(fleet, monkeypatch):
    one = fleet(blocks=6)
    looks = itertools.count()

    def look(jobs):
        if next(looks) == 2:
            raise UsageError("as if it were killed")
        return FakeEngine.look(one.engine, jobs)

    with monkeypatch.context() as patch:
        patch.setattr(one.engine, "look", look)
        with pytest.raises(UsageError, match="killed"):
            one.run()
    assert not one.engine.cancelled
    assert len(one.resume()) == 6 * 4
    assert sorted(number for number, _, _ in one.engine.ran) == list(range(6)), "none ran twice"


def test_detached_blocks_are_collected_by_resume(fleet):
    one = fleet()
    one.executor.detach(one.plan, one.units, one.store, one.listener)
    found = statuses.status(one.id, one.store)
    assert found.count("waiting") + found.count("running") == 4
    text = markdown.render(report.build(found, one.store.folder.parent))
    assert f"--resume {one.id}" in text
    assert len(one.resume()) == 16
    assert statuses.status(one.id, one.store).count("done") == 4


def test_what_cannot_outlive_the_command_is_not_detached(fleet):
    one = fleet(FakeEngine(travels=True))
    with pytest.raises(UsageError, match="--detach: the executor 'fake' loses blocks"):
        one.executor.detach(one.plan, one.units, one.store, one.listener)


def test_cancel_ends_what_is_under_way(fleet):
    one = fleet()
    one.executor.detach(one.plan, one.units, one.store, one.listener)
    assert statuses.cancel(one.id, one.store, one.listener) == 4
    assert statuses.cancel(one.id, one.store, one.listener) == 0
    found = statuses.status(one.id, one.store)
    assert found.count("lost") == 4
    assert found.lacking == 4
    assert {block.reason for block in found.blocks} == {"the job was cancelled"}
    one.resume()
    assert not one.lacking()


def test_an_engine_that_is_away_for_a_while_is_waited_for(fleet):
    one = fleet(FakeEngine(silent=3))
    assert len(one.run()) == 16
    assert one.told("does not answer (connection refused): waiting")
    assert one.told("answers again")


def test_an_engine_that_stays_away_ends_the_command_not_the_blocks(fleet, monkeypatch):
    monkeypatch.setattr(watches, "PATIENCE_SECONDS", 0.0)
    one = fleet(FakeEngine(silent=10**9))
    with pytest.raises(Unavailable, match=f"--resume {one.id}"):
        one.run()
    one.engine.silent = 0
    assert not one.engine.cancelled
    assert len(one.resume()) == 16


def test_two_commands_do_not_look_after_one_session(fleet):
    one = fleet()
    with (
        OrderBook(one.store, one.id).held(),
        pytest.raises(UsageError, match="another command looks after the session"),
    ):
        one.resume()


def test_status_says_of_a_local_session_what_is_saved(fleet):
    one = fleet()
    found = statuses.status(one.id, one.store)
    assert {block.state for block in found.blocks} == {"not begun"}
    assert found.lacking == 4


def test_status_tells_the_reason_and_what_is_done_again(fleet):
    one = fleet(FakeEngine(faults={1: "node dies", 2: "time limit"}))
    one.run()
    found = statuses.status(one.id, one.store)
    by_number = {block.block: block for block in found.blocks}
    assert (by_number[1].state, by_number[1].node, by_number[1].again_as) == ("lost", "n2", 4)
    assert by_number[2].reason == "time limit"
    assert by_number[4].state == "done"
    text = markdown.render(report.build(found, one.store.folder.parent))
    assert "done again, as block 4" in text
    assert "1 block lacks good runs" in text


def test_a_full_disk_of_the_command_s_own_is_told(fleet, monkeypatch):
    one = fleet()

    def full(*_):
        raise StoreError("cannot write it: No space left on device")

    monkeypatch.setattr(OrderBook, "hand_out", full)
    with pytest.raises(StoreError, match="No space left"):
        one.run()


def test_interrupted_sessions_tell_their_records(fleet, monkeypatch):
    one = fleet()
    one.executor.detach(one.plan, one.units, one.store, one.listener)

    def look(_jobs):
        raise KeyboardInterrupt

    monkeypatch.setattr(one.engine, "look", look)
    monkeypatch.setattr(watches, "FAREWELL_SECONDS", 0.0)
    with pytest.raises(SessionInterrupted) as stopped:
        one.resume()
    assert stopped.value.session_id == one.id


def test_blocks_that_left_no_record_are_an_error_with_their_reasons(fleet):
    one = fleet(FakeEngine(nodes=("n1",), faults={1: "never begun", 2: "never begun"}))
    records = one.run()
    with pytest.raises(BlocksLost, match=r"^blocks that left no record: 2 \(block 1: its"):
        must_have_records(one.plan, one.store, records)
    one.resume()
    must_have_records(one.plan, one.store, one.store.session(one.id))
