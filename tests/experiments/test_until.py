"""When a session that adds blocks ends, on ratios that are made up: no worker, no clock."""

from __future__ import annotations

import functools
import itertools
import math

import msgspec
import numpy as np
import pytest
from makers import make_record

from benchbench.compare.comparison import Comparison, compare
from benchbench.compare.contrast import Question
from benchbench.compare.rows import rows as rows_of
from benchbench.compare.summary import summarise
from benchbench.errors import UsageError
from benchbench.experiments import until as stopping
from benchbench.experiments.listener import Silent
from benchbench.experiments.until import Until, find_until, run_until
from benchbench.records import Stopping
from benchbench.report import comparison
from benchbench.report.renderers import markdown

HOUR = 3600.0
QUESTION = Question()


class Noting(Silent):
    def __init__(self):
        self.notes = []

    def note(self, sentence):
        self.notes.append(sentence)


@pytest.fixture
def session(monkeypatch):
    """Run blocks whose log-ratios are as given, a second each, until the rule is met."""
    monkeypatch.setattr(stopping, "now_ns", itertools.count(step=10**9).__next__)

    def _session(
        wanted, *rows, budget=HOUR, blocks=1, spoil=lambda run: run, question=QUESTION, before=()
    ):
        rule = find_until(wanted, blocks, f"{budget:g}s")
        rows = [iter(row) for row in rows]

        def run_block(number, models):
            assert models is None
            for place, row in enumerate([itertools.repeat(0.0), *rows]):
                factor = math.exp(next(row))
                yield spoil(
                    make_record(
                        run_id=f"{number}-{place}",
                        session_id="s",
                        block=number,
                        backend=f"b{place}",
                        order_seed=number,
                        stopping=rule.stopping,
                        train_seconds=[factor * seconds for seconds in (2.0, 1.0, 1.0, 1.0)],
                    )
                )

        look = functools.partial(compare, question=question, certified=False)
        listener = Noting()
        _session.records = run_until(
            *(rule, question, run_block, look, listener),
            before=before,
            blocks_before=len({record.block for record in before}),
        )
        (section,) = look(_session.records)
        return section.contrasts, listener.notes

    return _session


def scattered(middle, scatter, seed=0):
    random = np.random.default_rng(seed)
    return (middle + scatter * value for value in iter(random.standard_normal, None))


def test_a_large_difference_ends_at_its_verdict_after_three_or_four_blocks(session):
    counts = []
    for seed in range(40):
        (row,), _ = session("verdict", scattered(math.log(1.4), 0.03, seed))
        assert row.verdict == "SLOWER"
        counts.append(row.steady.block_count)
    assert min(counts) == 3
    assert np.mean(counts) < 3.5


def test_all_rows_must_have_their_verdict(session):
    rows, notes = session(
        "verdict", scattered(math.log(1.4), 0.01), scattered(-0.3, 0.01), scattered(0.0, 0.01)
    )
    assert [row.verdict for row in rows] == ["SLOWER", "FASTER", "SAME"]
    assert notes[-1].startswith(f"block {rows[0].steady.block_count - 1}: 3 of 3 ratios")


def test_the_budget_ends_what_has_no_verdict(session):
    (row,), notes = session("verdict", scattered(0.0296, 0.02), budget=10.5)
    assert (row.verdict, row.steady.block_count) == ("UNDECIDED", 10)
    assert notes[-1].startswith("the budget of 10 s is spent: 0 of 1 ratios have a verdict")


def test_a_width_is_met_with_the_number_that_the_pilot_settled(session):
    pilot = (0.0, 0.02, -0.02, 0.03, -0.03)
    # Stein: t(0.975, 4) = 2.776 times the pilot's sd, over log 1.02, squared.
    expected = math.ceil((2.776445 * np.std(pilot, ddof=1) / math.log(1.02)) ** 2)
    (row,), notes = session("2%", itertools.chain(pilot, itertools.repeat(0.01)))
    assert row.steady.block_count == expected == 13
    assert row.steady.half_width <= 0.02
    assert f"5 of the {expected} blocks" in notes[4]
    assert row.stopping == Stopping("width", 5)


def test_a_session_that_is_resumed_past_its_pilot_keeps_the_number(session):
    pilot = (0.0, 0.02, -0.02, 0.03, -0.03)
    session("2%", itertools.chain(pilot, itertools.repeat(0.01)), budget=7.5)
    before = session.records
    assert {record.block for record in before} == set(range(7))
    # The blocks since the pilot scatter less, those to come more: neither says how many there are.
    (row,), notes = session("2%", scattered(0.0, 0.2), before=before, budget=30)
    assert row.steady.block_count == 13
    assert notes[0].startswith("block 6: 7 of the 13 blocks")


def test_the_row_that_scatters_most_settles_the_number(session):
    pilot = (0.0, 0.02, -0.02, 0.03, -0.03)
    rows, _ = session("2%", scattered(0.2, 1e-4), itertools.chain(pilot, itertools.repeat(0.01)))
    assert {row.steady.block_count for row in rows} == {13}


def test_a_quiet_pilot_is_enough_and_more_blocks_make_a_larger_one(session):
    (row,), _ = session("2%", scattered(0.2, 1e-4))
    assert row.steady.block_count == 5
    (row,), _ = session("2%", scattered(0.2, 1e-4), blocks=8)
    assert (row.steady.block_count, row.stopping.pilot_blocks) == (8, 8)


def test_a_budget_that_ends_the_width_leaves_a_wider_interval(session):
    (row,), notes = session("2%", scattered(0.0, 0.05), budget=7.5)
    assert row.steady.block_count == 7
    assert row.steady.half_width > 0.02
    assert "the budget of 8 s is spent: 7 of the" in notes[-1]


@pytest.mark.parametrize("wanted", ["verdict", "2%"])
def test_a_lost_block_ends_it_at_once(session, wanted):
    def spoil(run):
        bad = (run.block, run.backend) == (1, "b1")
        return msgspec.structs.replace(run, status="crashed", error="no luck") if bad else run

    (row,), notes = session(wanted, scattered(0.3, 0.001), spoil=spoil)
    assert notes[-1].startswith("block 1: no verdict, block 1: b1 idiomatic crashed: no luck;")
    assert row.verdict in {"UNDECIDED", "EXPLORATORY"}
    allowed = Question(allow_lost_blocks=True)
    (row,), _ = session(wanted, scattered(0.3, 0.001), spoil=spoil, question=allowed)
    assert row.verdict == "SLOWER"
    assert row.left_out


@pytest.mark.parametrize("allowed", [False, True])
def test_where_no_block_can_help_none_is_added(session, allowed):
    def spoil(run):
        return run if run.backend == "b0" else msgspec.structs.replace(run, status="failed")

    question = Question(allow_lost_blocks=allowed)
    rows, notes = session("verdict", scattered(0.3, 0.001), spoil=spoil, question=question)
    assert rows == ()
    assert len(notes) == (3 if allowed else 1)
    assert "a cell has no ratio even now" in notes[-1]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("verdict", "hold at every block"), ("2%", "The scatter of the first 5 blocks settled")],
)
def test_the_page_says_how_the_number_was_settled(session, wanted, told):
    rows, _ = session(wanted, scattered(0.3, 0.001))
    section = Comparison(
        dataset="d",
        device="cpu",
        machine="m",
        threads=1,
        question=QUESTION,
        sessions={},
        rows=rows_of(summarise([make_record()]), lambda _: True),
        contrasts=rows,
        not_comparable=(),
        accuracies=(),
        failures=(),
    )
    assert told in markdown.render(comparison.build([section]))


def test_what_until_takes():
    assert find_until(None, 3) is None
    with pytest.raises(UsageError, match="--budget limits the blocks that --until adds"):
        find_until(None, 3, "1h")
    assert find_until("verdict", 1, "1h") == Until(width=None, least_blocks=3, budget_seconds=HOUR)
    assert find_until("2%", 1, "1h").least_blocks == 5
    with pytest.raises(UsageError, match="--until 0: give a fraction"):
        find_until("0", 1, "1h")
