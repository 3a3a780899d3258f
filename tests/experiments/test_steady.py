"""Steady epochs by number, or laid out by what the first blocks cost."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from makers import make_record

from benchbench.compare.allocation import MOST_STEADY, Aim, costs, steady_epochs
from benchbench.compare.break_even import break_even
from benchbench.compare.contrast import Question, cold_total_seconds
from benchbench.compare.whole import counted
from benchbench.errors import UsageError
from benchbench.experiments.aims import aims
from benchbench.experiments.blocks import run_laid_out
from benchbench.experiments.listener import Silent
from benchbench.experiments.steady import find_steady, laid_out, with_steady
from benchbench.experiments.until import find_until
from benchbench.records import DatasetChoice, EpochRecord, Phases
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from benchbench.spec.optimizers import SGD
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Exponential

PROTOCOL = TrainingProtocol()
QUESTION = Question()
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


def block(
    number, *, model="single-layer", seconds=0.05, within=0.03, steady=4, factor=1.0, **changes
):
    """A block of two cells whose epochs scatter by `within`, and that start in `START` seconds."""
    random = np.random.default_rng(number)
    runs = []
    for name in "ab":
        longer = factor if name == "b" else 1.0
        times = longer * seconds * np.exp(random.normal(0, within, 1 + steady))
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
    assert found.within == pytest.approx(0.03**2, rel=0.15)
    assert found.between < 0.003**2
    wanted = np.sqrt(np.pi / 2 * found.within * found.start_seconds / (1e-4 * found.round_seconds))
    assert steady_epochs(runs, Aim(), HOUR) == pytest.approx(wanted, abs=1)


def test_no_more_epochs_are_laid_out_than_the_blocks_that_are_needed_anyway_can_use():
    runs = block(0, within=0.1)
    assert steady_epochs(runs, Aim(), HOUR) > 20
    assert steady_epochs(runs, Aim(error=0.2, least_blocks=3), HOUR, least=4) == 4
    few = steady_epochs(runs, Aim(error=0.05, least_blocks=3), HOUR, least=4)
    assert few < steady_epochs(runs, Aim(error=0.01, least_blocks=3), HOUR, least=4)


def test_what_blocks_are_for_follows_from_the_rule_and_the_ratios():
    near, far = block(0, within=1e-3), block(0, model="two-layer", within=1e-3, factor=1.5)
    assert aims(None, QUESTION, near, certified=False) == {}
    width = aims(find_until("2%", 1), QUESTION, near, certified=False)["single-layer"]
    assert (width.least_blocks, width.error) == (5, pytest.approx(np.log(1.02) / 2.776, rel=1e-3))
    found = aims(find_until("verdict", 1), QUESTION, [*near, *far], certified=False)
    assert found["single-layer"].error < 0.01
    assert found["two-layer"].error > 0.05


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param(block(0, within=0.5), MOST_STEADY, id="no more than a bound"),
        pytest.param(block(0, within=1e-9, seconds=0.25), 4, id="epochs that do not scatter"),
        pytest.param(block(0, seconds=300.0), 4, id="a long epoch"),
        pytest.param([], 4, id="nothing known"),
        pytest.param(block(0, status="failed"), 4, id="a block that failed"),
        pytest.param(block(0, within=0.5)[:1], MOST_STEADY, id="one cell"),
    ],
)
def test_epochs_are_laid_out_within_bounds(runs, expected):
    assert steady_epochs(runs, Aim(), HOUR, least=4) == expected


def test_no_run_is_laid_out_beyond_a_quarter_of_its_time_limit():
    assert steady_epochs(block(0, within=0.5), Aim(), 10.0) * 0.05 < 10.0 / 2


def test_the_first_two_blocks_settle_it_and_later_ones_change_nothing():
    two = [*block(0), *block(1, steady=30)]
    settled = next_block(two).further_epochs
    assert settled != next_block(block(0)).further_epochs
    later = [*two, *block(2, steady=30, within=0.3)]
    assert next_block(later).further_epochs == settled


def test_a_first_block_that_was_run_again_counts_by_its_second_run():
    lost = block(0, status="crashed")
    again = block(5, replaces_blocks=(0,))
    records = [*lost, *block(1, steady=30), *again]
    standing = [*block(1, steady=30), *block(5)]
    found = [next_block(runs).further_epochs for runs in (records, standing)]
    assert found[0] == found[1]


def next_block(records):
    return laid_out(session("single-layer"), records, HOUR, lambda _: {})


def test_a_number_is_of_all_steady_epochs_of_every_model():
    found = with_steady(session("single-layer", "two-layer"), 30)
    assert found.further_epochs == (("single-layer", 26), ("two-layer", 26))
    requests = [run.request for group in found.block(0) for run in group.runs]
    assert {request.further_epochs for request in requests} == {26}
    assert {request.protocol for request in requests} == {PROTOCOL}


def test_blocks_are_run_as_those_before_them_suggest(tmp_path):
    from benchbench.run.store import Store

    store = Store(tmp_path)
    store.prepare()
    plan = PlanOf(session("single-layer"))
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

    steady, timeout_seconds, until, question, certified = "auto", HOUR, None, QUESTION, False

    def __init__(self, session):
        self.session = session


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
