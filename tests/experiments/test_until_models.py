"""A session of several models: whose ratios are answered runs no further block."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from makers import make_record
from stage import make_plan, make_session

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.experiments.listener import Silent
from benchbench.experiments.units import further, lacking
from benchbench.experiments.until import find_until, run_until
from benchbench.run.plan import Cell
from benchbench.spec.catalog import MODELS

QUESTION = Question()


class Noting(Silent):
    def __init__(self):
        self.notes = []

    def note(self, sentence):
        self.notes.append(sentence)


@pytest.fixture
def blocks_of():
    """Run two models whose log-ratios are as given; return the blocks of each, and the notes."""

    def _blocks_of(wanted, middles, scatters):
        rule = find_until(wanted, 1, "1h")
        random = np.random.default_rng(1)
        listener = Noting()

        def run_block(number, models):
            for name in middles:
                if models is not None and name not in models:
                    continue
                for place in range(2):
                    log = place * (middles[name] + scatters[name] * random.standard_normal())
                    yield make_record(
                        run_id=f"{name}-{number:03d}-{place}",
                        session_id="s",
                        block=number,
                        model=name,
                        spec=MODELS[name],
                        spec_sha256=name,
                        backend=f"b{place}",
                        order_seed=number,
                        stopping=rule.stopping,
                        train_seconds=[math.exp(log)] * 4,
                    )

        look = functools.partial(compare, question=QUESTION, certified=False)
        records = run_until(rule, QUESTION, run_block, look, listener)
        found = {
            name: sorted({one.block for one in records if one.model == name}) for name in middles
        }
        return found, listener.notes, [row for one in look(records) for row in one.contrasts]

    return _blocks_of


def test_a_model_that_has_its_verdict_runs_no_further_block(blocks_of):
    found, notes, rows = blocks_of(
        "verdict", {"single-layer": 0.0, "two-layer": 0.5}, dict.fromkeys(MODELS, 0.015)
    )
    assert found["two-layer"] == list(range(len(found["two-layer"])))
    assert len(found["two-layer"]) < len(found["single-layer"])
    assert {row.verdict for row in rows} == {"SAME", "SLOWER"}
    assert f"block {len(found['two-layer'])} is of single-layer" in notes


def test_each_model_runs_the_blocks_that_its_own_pilot_settled(blocks_of):
    found, notes, rows = blocks_of(
        "2%",
        {"single-layer": 0.1, "two-layer": 0.5},
        {"single-layer": 0.06, "two-layer": 0.002},
    )
    assert len(found["two-layer"]) == 5 < len(found["single-layer"])
    assert all(row.steady.half_width <= 0.021 for row in rows)
    assert notes[-1].startswith(f"block {found['single-layer'][-1]}: ")


def test_a_model_that_is_resumed_lacks_no_block_that_it_was_not_to_run():
    cells = tuple(
        Cell(name, "idiomatic", MODELS[model])
        for model in ("single-layer", "two-layer")
        for name in ("numpy", "torch")
    )
    plan = make_plan(make_session(cells=cells), until=find_until("verdict", 1))
    records = [
        *(record for number in range(6) for record in runs_of("single-layer", number)),
        *(record for number in range(3) for record in runs_of("two-layer", number)),
    ]
    assert lacking(plan, records) == []
    (unit,) = further(plan, records, {"single-layer"})
    assert (unit.number, {cell.model.name for cell in unit.cells}) == (6, {"single-layer"})
    # Who is one block behind was interrupted.
    (unit,) = lacking(plan, [*records, *runs_of("two-layer", 3), *runs_of("two-layer", 4)])
    assert (unit.number, {cell.model.name for cell in unit.cells}) == (5, {"two-layer"})


def runs_of(model, number):
    return [
        make_record(run_id=f"{model}-{number}-{name}", block=number, model=model, backend=name)
        for name in ("numpy", "torch")
    ]
