"""Round-robin: one at work, orders drawn from the recorded seed, nothing lost on Ctrl-C.

The workers are scripted and the clock is made up: see `fake_launcher`. How processes end is in
`test_process.py`.
"""

from __future__ import annotations

import random

import pytest
from fake_launcher import FakeLauncher, FakeMonitor, Step, good_run
from makers import PHASES

from benchbench.records import (
    Built,
    Check,
    DatasetChoice,
    Finished,
    GaveUp,
    Ready,
    WorkerReport,
)
from benchbench.run.conductor import Conductor
from benchbench.run.plan import Cell, Session
from benchbench.run.store import Store, read
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

BACKENDS = ("one", "two", "three")


class Hearing:
    """Keeps what it hears, in order."""

    def __init__(self):
        self.heard = []

    def group_started(self, requests):
        self.heard.append(("group", [request.backend for request in requests]))

    def epoch_done(self, request, number, epoch):
        self.heard.append(("epoch", request.backend, number, epoch.turn))

    def run_finished(self, record):
        self.heard.append(("record", record.backend, record.status))


def make_session(*backends, **changes):
    options = {
        "protocol": TrainingProtocol(epochs=2),
        "dataset": DatasetChoice("digits", sha256="d" * 64),
        "device": "auto",
        "threads": 2,
        "cpus": None,
        "seed": 5,
    }
    cells = tuple(Cell(name, "idiomatic", MODELS["single-layer"]) for name in backends)
    return Session(cells=cells, **options | changes)


class Stage:
    """A conductor with scripted workers, a made-up machine and a store of its own."""

    def __init__(self, results, scripts):
        def script(run):
            return scripts.get(run.request.backend) or good_run(run.request.protocol.epochs)

        self.launcher = FakeLauncher(script)
        self.listener = Hearing()
        self.results = results
        store = Store(results)
        store.prepare()
        self.conductor = Conductor(
            store=store,
            listener=self.listener,
            timeout=60,
            launcher=self.launcher,
            monitor=FakeMonitor(self.launcher.clock),
        )

    def conduct(self, groups):
        return {record.backend: record for record in self.conductor.conduct(groups)}

    def saved(self):
        records, unreadable = read(self.results)
        assert not unreadable
        return {record.backend: record for record in records}


@pytest.fixture
def stage(tmp_path):
    def _stage(**scripts):
        return Stage(tmp_path / "results", scripts)

    return _stage


def test_workers_take_turns_in_the_order_of_the_recorded_seed(stage):
    session = make_session(*BACKENDS, protocol=TrainingProtocol(epochs=6))
    play = stage()
    records = play.conduct(session.block(0))
    (order_seed,) = {record.order_seed for record in records.values()}
    order, live = random.Random(order_seed), list(BACKENDS)
    drawn = []
    for _ in range(8):  # building, six epochs, and the end
        order.shuffle(live)
        drawn.append(tuple(live))
    turns = [entry.split()[1] for entry in play.launcher.journal if entry.startswith("turn")]
    assert turns == [name for names in drawn for name in names]
    assert len(set(drawn)) > 1, "an order that never changes is not drawn afresh"
    for number, names in enumerate(drawn[1:-1]):
        assert [records[name].epochs[number].turn for name in names] == [0, 1, 2]


def test_all_workers_of_a_group_live_before_the_first_turn_and_none_after_the_last(stage):
    play = stage()
    play.conduct(make_session(*BACKENDS).block(0))
    kinds = [entry.split()[0] for entry in play.launcher.journal]
    assert kinds == ["launch"] * 3 + ["turn"] * 12 + ["close"] * 3


def test_the_groups_of_a_session_follow_one_another(stage):
    names = tuple(f"backend-{number}" for number in range(9))
    play = stage()
    play.conduct(make_session(*names).block(0))
    kinds = [entry.split()[0] for entry in play.launcher.journal]
    first = ["launch"] * 8 + ["turn"] * 32 + ["close"] * 8
    assert kinds == [*first, "launch", *["turn"] * 4, "close"]
    assert {len(record.epochs) for record in play.saved().values()} == {2}
    assert len({record.order_seed for record in play.saved().values()}) == 2


def test_an_epoch_says_what_the_machine_did_meanwhile(stage):
    play = stage(one=good_run(2, seconds=2.0))
    epochs = play.conduct(make_session("one").block(0))["one"].epochs
    assert [epoch.machine.load_average for epoch in epochs] == [0.0, 2.0], "read before the turn"
    assert all(epoch.machine.calibration_seconds == 0.001 for epoch in epochs)
    # Two cores, half of their time busy, a tenth of a core's time ours.
    assert [epoch.foreign_cpu_fraction for epoch in epochs] == [pytest.approx(0.45)] * 2
    assert [epoch.waiting_cpu_seconds for epoch in epochs] == [0.25] * 2


def test_the_listener_hears_of_groups_epochs_and_records(stage):
    play = stage()
    play.conduct(make_session("one").block(0))
    assert play.listener.heard == [
        ("group", ["one"]),
        ("epoch", "one", 1, 0),
        ("epoch", "one", 2, 0),
        ("record", "one", "ok"),
    ]


def test_a_record_holds_the_request_and_the_report(stage):
    report = WorkerReport(device="cpu", parameter_count=7850, phases=PHASES, settings={"a": 1})
    play = stage(one=good_run(2, report=report))
    record = play.conduct(make_session("one", seed=4).block(3))["one"]
    assert play.saved() == {"one": record}
    assert (record.status, record.error, record.log) == ("ok", None, None)
    assert (record.block, record.seed, record.threads) == (3, 7, 2)
    assert (record.parameter_count, record.phases, record.settings) == (7850, PHASES, {"a": 1})
    assert (record.environment, record.dataset_sha256) == ({"OMP_NUM_THREADS": "2"}, "d" * 64)
    assert record.device == "cpu"


def test_a_check_that_fails_makes_the_run_invalid_and_says_which(stage):
    checks = (Check("finite", False, "all finite", "NaN"), Check("band", None, "", "no band"))
    play = stage(one=good_run(2, report=WorkerReport(checks=checks)))
    record = play.conduct(make_session("one").block(0))["one"]
    assert (record.status, record.error) == ("invalid", "finite: expected all finite, found NaN")
    assert (play.results / "runs" / record.log).read_text() == "what one printed\n"


@pytest.mark.parametrize("status", ["failed", "crashed", "timeout", "oom", "skipped"])
def test_a_run_that_gives_up_costs_no_other_run_of_its_group(stage, status):
    ending = [*good_run(2)[:3], Step(GaveUp(status, "the sky fell", "a traceback"))]
    play = stage(two=ending)
    records = play.conduct(make_session(*BACKENDS).block(0))
    assert {name: record.status for name, record in records.items()} == {
        **dict.fromkeys(("one", "three"), "ok"),
        "two": status,
    }
    bad = records["two"]
    assert (bad.error, bad.traceback, bad.device) == ("the sky fell", "a traceback", "cpu")
    assert len(bad.epochs) == 1, "what was trained before is kept"
    assert (play.results / "runs" / bad.log).read_text() == "what two printed\n"


def test_a_worker_that_dies_before_its_first_turn_is_recorded_too(stage):
    play = stage(two=[Step(GaveUp("crashed", "exit code 7"))])
    records = play.conduct(make_session(*BACKENDS).block(0))
    assert (records["two"].status, records["two"].epochs) == ("crashed", ())
    assert "turn two" not in play.launcher.journal
    assert records["one"].status == records["three"].status == "ok"


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_an_interrupt_ends_the_workers_and_saves_what_there_is(stage, turns):
    cut = [*good_run(2)[: 1 + turns], Step(KeyboardInterrupt())]
    play = stage(two=cut)
    with pytest.raises(KeyboardInterrupt):
        play.conduct(make_session("one", "two").block(0))
    assert {record.status for record in play.saved().values()} == {"interrupted"}
    for name in ("one", "two"):
        assert f"kill {name}" in play.launcher.journal
        assert f"close {name}" in play.launcher.journal


def test_what_is_over_before_an_interrupt_stays_as_it_ended(stage):
    finished = [Step(Ready()), Step(Built("cpu")), Step(Finished(WorkerReport(device="cpu")))]
    play = stage(one=finished, two=[*good_run(2)[:4], Step(KeyboardInterrupt())])
    with pytest.raises(KeyboardInterrupt):
        play.conduct(make_session("one", "two").block(0))
    assert {name: record.status for name, record in play.saved().items()} == {
        "one": "ok",
        "two": "interrupted",
    }
    assert len(play.saved()["two"].epochs) == 2
