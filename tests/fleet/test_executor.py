"""Blocks on made-up nodes: what is lost is told, done again once, and completed by resume."""

from __future__ import annotations

import pytest
from fake_engine import FakeEngine

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.errors import StoreError, UsageError
from benchbench.experiments.endings import BlocksLost, must_have_records
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.run.store import read


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


def test_a_full_disk_of_the_command_s_own_is_told(fleet, monkeypatch):
    one = fleet()

    def full(*_):
        raise StoreError("cannot write it: No space left on device")

    monkeypatch.setattr(OrderBook, "hand_out", full)
    with pytest.raises(StoreError, match="No space left"):
        one.run()


def test_blocks_that_left_no_record_are_an_error_with_their_reasons(fleet):
    one = fleet(FakeEngine(nodes=("n1",), faults={1: "never begun", 2: "never begun"}))
    records = one.run()
    with pytest.raises(BlocksLost, match=r"^blocks that left no record: 2 \(block 1: its"):
        must_have_records(one.plan, one.store, records)
    one.resume()
    must_have_records(one.plan, one.store, one.store.session(one.id))
