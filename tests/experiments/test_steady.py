"""Steady epochs by number, or laid out by what the first blocks cost."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from makers import make_record

from benchbench.compare.allocation import MOST_STEADY, costs, steady_epochs
from benchbench.compare.break_even import break_even
from benchbench.compare.contrast import cold_total_seconds
from benchbench.compare.whole import counted
from benchbench.errors import UsageError
from benchbench.experiments.blocks import run_laid_out
from benchbench.experiments.listener import Silent
from benchbench.experiments.steady import find_steady, laid_out
from benchbench.records import DatasetChoice, EpochRecord, Phases
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from benchbench.spec.optimizers import SGD
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Exponential

PROTOCOL = TrainingProtocol()
HOUR = 3600.0
START = 5.0


def session(*models):
    return Session(
        cells=tuple(Cell(name, "idiomatic", MODELS[model]) for model in models for name in "ab"),
        protocol=PROTOCOL,
        dataset=DatasetChoice("noise"),
        device="cpu",
        threads=1,
        cpus=None,
        seed=0,
        session_id="s",
    )


def epoch(seconds):
    return EpochRecord(
        train_seconds=float(seconds),
        validation_seconds=0.0,
        train_cpu_seconds=None,
        loss=1.0,
        validation_loss=1.0,
        validation_accuracy=0.5,
    )


def phases_of(total):
    parts = dict.fromkeys(Phases.__struct_fields__, 0.0) | {"first_epoch": 1.0}
    parts |= {"evaluate": 0.5, "predict": 0.5, "other": total - 2.0, "total": total}
    return Phases(**parts)


def block(number, *, model="single-layer", seconds=0.05, within=0.03, steady=4, **changes):
    """A block of two cells whose epochs scatter by `within`, and that start in `START` seconds."""
    random = np.random.default_rng(number)
    runs = []
    for name in "ab":
        times = seconds * np.exp(random.normal(0, within, 1 + steady))
        total = START + float(times[1:].sum())
        runs.append(
            make_record(
                run_id=f"s-{number:03d}-{model}-{name}",
                session_id="s",
                block=number,
                backend=name,
                model=model,
                spec=MODELS[model],
                order_seed=number,
                further_epochs=steady - 4,
                epochs=tuple(map(epoch, times)),
                phases=phases_of(total),
                **changes,
            )
        )
    return runs


def test_the_optimum_is_cochrans():
    runs = [run for number in range(40) for run in block(number, steady=20)]
    found = costs(runs)
    assert found.start_seconds == pytest.approx(10.0)
    assert found.round_seconds == pytest.approx(0.1, rel=0.02)
    # Less the mean of two cells, half of the variance is left.
    assert found.within == pytest.approx(0.03**2 / 2, rel=0.15)
    assert found.between < 0.002**2
    wanted = np.sqrt(np.pi / 2 * found.within * found.start_seconds / (1e-4 * found.round_seconds))
    assert steady_epochs(runs, HOUR) == pytest.approx(wanted, abs=0.51)


@pytest.mark.parametrize(
    ("runs", "limit", "expected"),
    [
        pytest.param(block(0, within=0.5), HOUR, MOST_STEADY, id="no more than a bound"),
        pytest.param(block(0, within=1e-9, seconds=0.25), 10.0, 1, id="epochs that do not scatter"),
        pytest.param(block(0, seconds=300.0), HOUR, 1, id="a long epoch"),
        pytest.param([], HOUR, None, id="nothing known"),
        pytest.param(block(0, status="failed"), HOUR, None, id="a block that failed"),
        pytest.param(block(0, within=0.5)[:1], HOUR, MOST_STEADY, id="one cell"),
    ],
)
def test_epochs_are_laid_out_within_bounds(runs, limit, expected):
    found = steady_epochs(runs, limit)
    assert found == expected


def test_no_run_is_laid_out_beyond_a_quarter_of_its_time_limit():
    assert steady_epochs(block(0, within=0.5), 10.0) * 0.05 < 10.0 / 2


def test_the_first_two_blocks_settle_it_and_later_ones_change_nothing():
    two = [*block(0), *block(1, steady=30)]
    settled = laid_out(session("single-layer"), "auto", two, HOUR).further_epochs
    assert settled != laid_out(session("single-layer"), "auto", block(0), HOUR).further_epochs
    later = [*two, *block(2, steady=30, within=0.3)]
    assert laid_out(session("single-layer"), "auto", later, HOUR).further_epochs == settled


def test_a_first_block_that_was_run_again_counts_by_its_second_run():
    lost = block(0, status="crashed")
    again = block(5, replaces_blocks=(0,))
    records = [*lost, *block(1, steady=30), *again]
    standing = [*block(1, steady=30), *block(5)]
    found = [
        laid_out(session("single-layer"), "auto", runs, HOUR).further_epochs
        for runs in (records, standing)
    ]
    assert found[0] == found[1]


def test_a_number_is_of_all_steady_epochs_of_every_model():
    found = laid_out(session("single-layer", "two-layer"), 30, (), HOUR)
    assert found.further_epochs == (("single-layer", 26), ("two-layer", 26))
    requests = [run.request for group in found.block(0) for run in group.runs]
    assert {request.further_epochs for request in requests} == {26}
    assert {request.protocol for request in requests} == {PROTOCOL}


def test_blocks_are_run_as_those_before_them_suggest(tmp_path):
    from benchbench.run.store import Store

    store = Store(tmp_path)
    store.prepare()
    plan = PlanOf(session("single-layer"), "auto", HOUR)
    lengths = []

    class Executor:
        def run(self, part, numbers, **_):
            (number,) = numbers
            further = dict(part.further_epochs).get("single-layer", 0)
            lengths.append(4 + further)
            for record in block(number, within=0.1, steady=4 + further):
                store.save(record)
                yield record

    told = Told()
    list(run_laid_out(plan, Executor(), range(4), store=store, listener=told))
    assert lengths[0] == 4
    assert lengths[1] > 4
    assert lengths[2] == lengths[3] > 4
    assert told.notes[-1] == f"block 3: steady epochs a run: {lengths[3]} of single-layer"


class Told(Silent):
    def __init__(self):
        self.notes = []

    def note(self, sentence):
        self.notes.append(sentence)


class PlanOf:
    """What `run_laid_out` asks of a plan."""

    def __init__(self, session, steady, timeout_seconds):
        self.session, self.steady, self.timeout_seconds = session, steady, timeout_seconds


@pytest.mark.parametrize(
    ("wanted", "protocol", "blocks", "told"),
    [
        ("3", PROTOCOL, 5, "a number from 4 (the protocol's 5 epochs without the first)"),
        ("many", PROTOCOL, 5, "expected auto, or a number"),
        ("-1", PROTOCOL, 5, "but it is -1"),
        ("auto", PROTOCOL, 1, "there is one: give --blocks 5"),
        (
            "30",
            TrainingProtocol(optimizer=SGD(learning_rate=Exponential(0.1, 10, 0.5))),
            5,
            "follows a schedule",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_and_told(wanted, protocol, blocks, told):
    with pytest.raises(UsageError) as error:
        find_steady(wanted, protocol, blocks=blocks)
    assert told in str(error.value)


def test_what_makes_sense_is_found():
    assert find_steady(None, PROTOCOL, blocks=1) is None
    assert find_steady("auto", PROTOCOL, blocks=1, more_to_come=True) == "auto"
    assert find_steady("30", PROTOCOL, blocks=1) == find_steady(30, PROTOCOL, blocks=1) == 30


def test_blocks_of_another_length_are_not_taken_for_cut_off_ones():
    records = [*block(0), *block(1, steady=30)]
    assert [run.status for run in counted(records)] == ["ok"] * 4
    cut = msgspec.structs.replace(records[-1], epochs=records[-1].epochs[:20])
    assert "it has 20 epochs, others" in list(counted([*records[:-1], cut]))[-1].error


def test_the_cold_total_and_the_break_even_epoch_leave_further_epochs_out():
    short, other = block(0)
    more = (*short.epochs, *map(epoch, [0.1] * 26))
    phases = msgspec.structs.replace(short.phases, total=short.phases.total + 9.0, further=9.0)
    longer = msgspec.structs.replace(short, epochs=more, phases=phases, further_epochs=26)
    assert cold_total_seconds(longer) == pytest.approx(cold_total_seconds(short))
    same = break_even([(short, other)], cold_total_seconds)
    again = break_even([(longer, other)], cold_total_seconds)
    assert (same.first is None) == (again.first is None)
