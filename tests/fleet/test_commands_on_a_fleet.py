"""Several commands on one session of made-up nodes: detach, status, cancel, interrupts, resume."""

from __future__ import annotations

import itertools

import pytest
from fake_engine import FakeEngine

from benchbench.errors import StoreError, Unavailable, UsageError
from benchbench.experiments import session_status as statuses
from benchbench.experiments.endings import SessionInterrupted
from benchbench.experiments.fleet import watch as watches
from benchbench.experiments.fleet.engine import EngineSilent
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.report import fleet as report
from benchbench.report.renderers import markdown


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


def test_what_does_not_belong_among_the_orders_is_passed_over_or_named(fleet):
    one = fleet()
    book = OrderBook(one.store, one.id)
    book.prepare()
    (book.folder / "copy of 000000.orders.json").touch()
    assert not book.orders()
    (book.folder / "000000.orders.json").touch()
    with pytest.raises(StoreError, match="is no list of orders"):
        statuses.status(one.id, one.store)


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


def test_each_reason_to_wait_is_told_once(fleet):
    one = fleet(FakeEngine(nodes=("n1",)), blocks=3)
    one.run()
    assert one.told("waiting: ") == ["2 blocks waiting: Resources"]


def test_what_cannot_be_cancelled_is_not_said_to_be(fleet, monkeypatch):
    one = fleet()

    def interrupted(_jobs):
        raise KeyboardInterrupt

    def away(_jobs):
        raise EngineSilent("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(one.engine, "look", interrupted)
        patch.setattr(one.engine, "cancel", away)
        with pytest.raises(KeyboardInterrupt) as stopped:
            one.run()
        (told,) = stopped.value.__notes__
        assert told.startswith("blocks that are under way and may run on: 4 (")
        assert "does not answer (connection refused), so nothing is cancelled" in told
        with pytest.raises(Unavailable, match=f"does: benchbench cancel {one.id} --results "):
            statuses.cancel(one.id, one.store, one.listener)
    assert not one.told("LOST")
    assert len(one.resume()) == 16
    assert sorted(number for number, _, _ in one.engine.ran) == [0, 1, 2, 3], "none ran twice"
