"""What must hold between a run and the one it is compared with."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from benchbench.pytest_plugin.judgement import RatioGate, judge
from benchbench.pytest_plugin.measurement import EpochMeasurement, measurement_of
from benchbench.pytest_plugin.saved_runs import SavedRun

THEN = EpochMeasurement(
    benchbench_version="0.1.0",
    backend="torch",
    division="tuned",
    device="cpu",
    model="my-net",
    spec_sha256="a" * 64,
    batch_size=128,
    steps=100,
    threads=2,
    seed=0,
    samples_per_second=50_000.0,
    calibration_seconds=(0.1, 0.1),
    ratio_to_calibration=2.0,
    settings={"compile": "none"},
    versions={"torch": "2.13.0"},
    environment={},
)


def measured(**changes) -> EpochMeasurement:
    return msgspec.structs.replace(THEN, **changes)


def compare(measurements, *, gate=None):
    baseline = SavedRun("0001_main.json", {"t.py::test_a": THEN, "t.py::test_b": THEN})
    return judge(measurements, baseline, gate)


def saved(*ratios, test="t.py::test_b", **changes):
    """Runs that were saved with these ratios to the calibration."""
    return [
        SavedRun(f"{number:04}.json", {test: measured(ratio_to_calibration=ratio, **changes)})
        for number, ratio in enumerate(ratios, 1)
    ]


def test_the_same_again_is_fine():
    judgement = compare({"t.py::test_a": THEN, "t.py::test_b": THEN, "t.py::test_new": THEN})
    assert (judgement.complaints, judgement.missing, judgement.compared_count) == ([], [], 2)


def test_what_is_missing_is_named_with_the_likely_new_name():
    judgement = compare({"t.py::test_a": THEN, "t.py::test_bee": THEN})
    assert not judgement.complaints
    (missing,) = judgement.missing
    assert missing.startswith("t.py::test_b: the baseline 0001_main.json has it, but it was not")
    assert "did you mean 't.py::test_bee'?" in missing
    assert "run without --benchmark-compare" in missing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 50}, "steps 100 then, 50 now"),
        ({"spec_sha256": "b" * 64}, "spec_sha256"),
        ({"threads": 1}, "threads 2 then, 1 now"),
        ({"device": "cuda:0"}, "device cpu then, cuda:0 now"),
        ({"division": "idiomatic"}, "division"),
        ({"backend": "keras"}, "backend"),
        ({"batch_size": 64}, "batch_size"),
    ],
)
def test_other_work_under_the_same_name_is_no_comparison(change, said):
    judgement = compare({"t.py::test_a": measured(**change), "t.py::test_b": THEN})
    (complaint,) = judgement.complaints
    assert said in complaint
    assert judgement.compared_count == 1


def gated(ratio, history, *, allowed=0.1):
    gate = RatioGate(allowed, history)
    now = measured(ratio_to_calibration=ratio)
    complaints = compare({"t.py::test_a": THEN, "t.py::test_b": now}, gate=gate).complaints
    return [*complaints, *gate.objections(2)], gate.remarks


@pytest.mark.parametrize(("ratio", "fails"), [(2.3, True), (2.19, False), (0.5, False)])
def test_the_gate_is_on_the_ratio_to_the_calibration(ratio, fails):
    complaints, _ = gated(ratio, saved(2.0, 2.001, 2.0, 2.001, 2.0))
    assert bool(complaints) == fails
    if fails:
        assert complaints[0].startswith("t.py::test_b: expected at most 1.1 times")


def test_what_saved_runs_differ_by_is_no_regression():
    """Six runs that scatter by some 6 %: two of them differ by up to 26 % once in a hundred."""
    history = saved(2.0, 2.15, 1.95, 2.1, 2.0, 2.12)
    assert not gated(2.3, history)[0]
    assert gated(3.0, history)[0]
    _, remarks = gated(2.0, history)
    assert "may be chance" in remarks[0]


def test_a_trend_is_no_scatter():
    """A network that gets 2 % slower in each of ten runs: two in a row differ by 2 %."""
    history = saved(*[2.0 * 1.02**number for number in range(10)])
    assert gated(2.6, history)[0]


@pytest.mark.parametrize(
    "history", [[], saved(2.0, 2.0, 2.0), saved(2.0, 2.0, 2.0, 2.0, 2.0, steps=7)]
)
def test_without_enough_saved_runs_of_the_same_work_there_is_no_gate_and_that_fails(history):
    (complaint,), remarks = gated(2.0, history)
    assert "no epoch benchmark could be judged" in complaint
    assert "2 benchmarks have no gate: 4 saved runs of the same work" in remarks[0]


def test_the_gate_fails_seldom_where_nothing_changed():
    """By simulation, runs that scatter by 5 %: of a thousand gates of no allowance 1 % may fail."""
    random = np.random.default_rng(0)
    failed = 0
    for _ in range(1000):
        *history, now = np.exp(0.05 * random.normal(size=9))
        then = history[-1]
        gate = RatioGate(1e-9, saved(*history))
        failed += not gate.allows(
            "t.py::test_b",
            measured(ratio_to_calibration=float(then)),
            measured(ratio_to_calibration=float(now)),
        )
    assert failed <= 25


def test_without_a_gate_slower_is_fine():
    now = measured(ratio_to_calibration=99.0)
    assert not compare({"t.py::test_a": THEN, "t.py::test_b": now}).complaints


def test_a_measurement_survives_the_file():
    odd = measured(settings={"rate": type("Half", (), {"__str__": lambda _: "0.5"})()})
    assert measurement_of(THEN.to_extra_info()) == THEN
    assert measurement_of(odd.to_extra_info()).settings == {"rate": "0.5"}
