"""When a session of pairs ends, and when a second one is asked, on times that are made up."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from makers import make_record

from benchbench.compare.contrast import Question
from benchbench.data.chosen import Chosen
from benchbench.experiments.gate import sessions as gate_sessions
from benchbench.experiments.gate.pairs import Pair
from benchbench.experiments.gate.sessions import Limits
from benchbench.experiments.listener import Silent
from benchbench.records import Stopping, Variant
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

THREE_BLOCKS = Limits(3, 3, None)
TREE, MAIN = Variant("tree"), Variant("main@0123456", commit="0" * 40)


@pytest.fixture
def pair():
    model = MODELS["single-layer"]
    own, baseline = (Cell("numpy", "idiomatic", model, variant=variant) for variant in (TREE, MAIN))
    return Pair(own, baseline, "single-layer")


@pytest.fixture
def hold(pair, monkeypatch):
    """Hold a gate's sessions; `ratio(session, block)` is this tree's time over the other's."""
    sessions = []

    def fresh():
        session = Session(
            cells=(),
            protocol=TrainingProtocol(epochs=3),
            dataset=Chosen(name="digits"),
            device="cpu",
            threads=1,
            cpus=None,
            seed=0,
        )
        sessions.append(session.session_id)
        return session

    def _hold(ratio, limits=THREE_BLOCKS, status="ok", lost=()):
        def conduct(groups, store, timeout, listener):
            del store, timeout, listener
            (group,) = groups
            number = sessions.index(group.runs[0].request.session_id)
            for planned in group.runs:
                request = planned.request
                if (request.variant.label, request.block) in lost:
                    continue
                factor = ratio(number, request.block) if request.variant == TREE else 1
                yield make_record(
                    run_id=request.run_id,
                    session_id=request.session_id,
                    block=request.block,
                    variant=request.variant,
                    order_seed=group.order_seed,
                    stopping=planned.stopping,
                    status=status,
                    train_seconds=[factor * seconds for seconds in (2, 1, 1.01)],
                )

        monkeypatch.setattr(gate_sessions, "conduct", conduct)
        (row,) = gate_sessions.hold(
            [pair], fresh, limits, Question(), store=None, timeout=1, listener=Silent()
        )
        return row, len(sessions)

    return _hold


def test_the_same_passes_after_one_session(hold):
    row, sessions = hold(lambda *_: 1)
    assert (row.first.verdict, row.second, sessions) == ("SAME", None, 1)
    assert row.objection(strict=True) is None


def test_a_faster_tree_passes(hold):
    row, sessions = hold(lambda *_: 0.5)
    assert (row.first.verdict, sessions) == ("FASTER", 1)
    assert row.objection(strict=True) is None


def test_what_is_slower_in_both_sessions_fails(hold):
    row, sessions = hold(lambda *_: 4 / 3)
    assert sessions == 2
    assert row.confirmed
    assert row.objection(strict=False).startswith("SLOWER: 1.333 (1.333 to 1.333), confirmed")
    assert row.first.session_id != row.second.session_id


def test_a_second_session_may_acquit(hold):
    row, _ = hold(lambda session, _: 4 / 3 if session == 0 else 1)
    assert (row.first.verdict, row.second.verdict) == ("SLOWER", "SAME")
    assert row.objection(strict=True) is None


def test_undecided_passes_unless_it_must_be_decided(hold):
    row, sessions = hold(lambda _, block: 2 if block % 2 else 0.5)
    assert (row.first.verdict, sessions) == ("UNDECIDED", 1)
    assert row.objection(strict=False) is None
    assert row.objection(strict=True).startswith("UNDECIDED, and --strict was given")


@pytest.mark.parametrize(("noise", "blocks"), [(0.0, 2), (0.001, 2), (0.3, 8)])
def test_it_goes_on_until_the_interval_is_narrow_whatever_it_says(hold, noise, blocks):
    row, _ = hold(lambda _, block: 1 + noise * (-1) ** block, Limits(2, 8, None))
    assert row.first.contrast.steady.block_count == blocks


def test_the_pilot_settles_the_number_and_the_interval_rests_on_its_scatter(hold):
    """Stein: t(0.975, 3) = 3.182 times the pilot's sd, over log 1.03, squared."""
    logs = (0.0, 0.02, -0.02, 0.02)
    expected = math.ceil((3.182446 * statistics.stdev(logs) / math.log(1.03)) ** 2)
    row, _ = hold(lambda _, block: math.exp((logs + (0.005,) * 9)[block]), Limits(4, 12, None))
    ratio = row.first.contrast.steady
    assert ratio.block_count == expected == 5
    assert ratio.half_width <= 0.03
    assert row.first.contrast.stopping == Stopping("width", 4)


def test_a_budget_that_is_spent_begins_no_further_block(hold, monkeypatch):
    monkeypatch.setattr(gate_sessions, "now_ns", itertools.count(step=10**9).__next__)
    row, _ = hold(lambda _, block: 2 if block % 2 else 0.5, Limits(3, 9, 1.0))
    assert row.first.contrast.steady.block_count == 3


def test_a_run_that_fails_ends_the_session_and_is_the_trouble(hold):
    row, sessions = hold(lambda *_: 1, status="failed")
    assert row.first is None
    assert "failed: no reason was recorded" in row.trouble
    assert sessions == 1


@pytest.mark.parametrize(
    "lost", [[("tree", 1)], [("tree", 2), (MAIN.label, 2)], [("tree", block) for block in range(3)]]
)
def test_a_run_that_is_missing_fails_the_gate(hold, lost):
    row, _ = hold(lambda *_: 1, lost=lost)
    label, block = lost[0]
    assert f"block {block}: {label} has 0 runs, expected one" in row.objection(strict=False)
