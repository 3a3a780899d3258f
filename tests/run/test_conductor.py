"""Round-robin: one at work, orders drawn from the recorded seed, nothing lost on Ctrl-C.

The workers are scripted and the clock is made up: see `fake_launcher`. How processes end is in
`test_process.py`.
"""

from __future__ import annotations

from itertools import islice

import msgspec
import pytest
from fake_launcher import Step, epoch_of, good_run, whole_report
from makers import PHASES
from stage import Stage, make_session

from benchbench.records import Check
from benchbench.run.completeness import CHECKS
from benchbench.run.messages import Built, EpochDone, Finished, GaveUp, Ready, WorkerReport
from benchbench.run.orders import orders
from benchbench.spec.protocol import TrainingProtocol

BACKENDS = ("one", "two", "three")


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
    rounds = islice(orders(len(BACKENDS), order_seed), 8)  # building, six epochs, and the end
    drawn = [tuple(BACKENDS[number] for number in order) for order in rounds]
    turns = [entry.split()[1] for entry in play.launcher.journal if entry.startswith("turn")]
    assert turns == [name for names in drawn for name in names]
    assert len(set(drawn)) > 1, "an order that never changes is not drawn afresh"
    for number, names in enumerate(drawn[1:-1]):
        assert [records[name].epochs[number].turn for name in names] == [0, 1, 2]


def test_every_turn_begins_when_all_live_workers_are_at_rest(stage):
    play = stage(two=[Step(Ready()), Step(GaveUp("skipped", "no"))])
    play.conduct(make_session(*BACKENDS).block(0))
    asked = [set(workers) for workers in play.monitor.asked_of]
    assert asked[0] == {1000, 1001, 1002}
    assert asked[-1] < {1000, 1002}, "who is over is not waited for"


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
    report = whole_report(parameter_count=7850, settings={"a": 1})
    play = stage(one=good_run(2, report=report))
    record = play.conduct(make_session("one", seed=4).block(3))["one"]
    assert play.saved() == {"one": record}
    assert (record.status, record.error, record.log) == ("ok", None, None)
    assert (record.block, record.seed, record.threads) == (3, 7, 2)
    assert (record.parameter_count, record.phases, record.settings) == (7850, PHASES, {"a": 1})
    assert (record.environment, record.dataset_sha256) == ({"OMP_NUM_THREADS": "2"}, "d" * 64)
    assert record.device == "cpu"


def test_a_check_that_fails_makes_the_run_invalid_and_says_which(stage):
    report = whole_report()
    checks = [
        Check("finite", False, "all finite", "NaN") if one.name == "finite" else one
        for one in report.checks
    ]
    play = stage(one=good_run(2, report=whole_report(checks=tuple(checks))))
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
    # One's protocol is of no more epochs than it takes to be over when two is interrupted.
    play = stage(one=good_run(2), two=[*good_run(9)[:6], Step(KeyboardInterrupt())])
    with pytest.raises(KeyboardInterrupt):
        play.conduct(make_session("one", "two").block(0))
    assert {name: record.status for name, record in play.saved().items()} == {
        "one": "ok",
        "two": "interrupted",
    }
    assert len(play.saved()["two"].epochs) == 4


def _without(*names):
    return tuple(check for check in whole_report().checks if check.name not in names)


UNFINISHED = {
    "no epochs": ([], whole_report(), "epochs: expected 1 to 2, each once, found none"),
    "an epoch missing": ([1], whole_report(), "found 1"),
    "an epoch twice": ([1, 2, 2], whole_report(), "found 1, 2, 2"),
    "epochs out of order": ([2, 1], whole_report(), "found 2, 1"),
    "no checks": ([1, 2], whole_report(checks=()), "found 0 (missing: parameter count"),
    "a check missing": (
        [1, 2],
        whole_report(checks=_without("threads")),
        "found 12 (missing: threads)",
    ),
    "a check twice": (
        [1, 2],
        whole_report(checks=(*_without("threads"), _without()[0])),
        "(missing: threads; unknown or twice: parameter count, parameter count)",
    ),
    "an undecided check": (
        [1, 2],
        whole_report(checks=(Check("parameter count", None, "1", "?"), *_without()[1:])),
        "expected a decision of parameter count",
    ),
    "no test": ([1, 2], whole_report(test=None), "test: expected a loss and a metric"),
    "no phases": ([1, 2], whole_report(phases=None), "phases: expected where the time went"),
    "phases that do not sum": (
        [1, 2],
        whole_report(phases=msgspec.structs.replace(PHASES, total=44.0)),
        "a sum of 45 s for a total of 44 s",
    ),
    "phases that are no numbers": (
        [1, 2],
        whole_report(phases=msgspec.structs.replace(PHASES, build=float("nan"))),
        "build not finite",
    ),
    "nothing": ([], WorkerReport(), "checks: expected some, found none"),
}


@pytest.mark.parametrize(("epochs", "report", "message"), UNFINISHED.values(), ids=UNFINISHED)
def test_a_run_that_says_it_is_finished_and_is_not_is_invalid(stage, epochs, report, message):
    trained = [Step(EpochDone(number, epoch_of(1.0)), 1.0) for number in epochs]
    script = [Step(Ready()), Step(Built("cpu")), *trained, Step(Finished(report))]
    record = stage(one=script).conduct(make_session("one").block(0))["one"]
    assert record.status == "invalid"
    assert message in record.error


def test_who_gives_up_is_not_ok(stage):
    play = stage(one=[*good_run(2)[:3], Step(GaveUp("ok", ""))])
    record = play.conduct(make_session("one").block(0))["one"]
    assert record.status == "crashed"
    assert "it gave up, and said that it was ok" in record.error


def test_the_checks_that_are_expected_are_those_that_are_made(command):
    command.run("null")
    assert tuple(check.name for check in command.record().checks) == CHECKS


def test_an_epoch_below_half_of_the_median_makes_the_run_invalid(stage):
    """However fast the machine: half of what the other epochs take trains half of the images."""
    script = good_run(4, seconds=0.04)
    script[4] = Step(EpochDone(3, epoch_of(0.0005)), 0.0005)
    session = make_session("one", "two", protocol=TrainingProtocol(epochs=4))
    records = stage(one=script).conduct(session.block(0))
    short, whole = records["one"], records["two"]
    assert (short.status, whole.status) == ("invalid", "ok")
    assert "epoch 3 trained for 0.0005 s" in short.error
