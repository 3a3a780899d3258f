"""What must hold between a run and the one it is compared with."""

from __future__ import annotations

import msgspec
import pytest

from benchbench.pytest_plugin.judgement import judge
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


def compare(measurements, *, allowed=None):
    baseline = SavedRun("0001_main.json", {"t.py::test_a": THEN, "t.py::test_b": THEN})
    return judge(measurements, baseline, allowed)


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


@pytest.mark.parametrize(("ratio", "fails"), [(2.21, True), (2.19, False), (0.5, False)])
def test_the_gate_is_on_the_ratio_to_the_calibration(ratio, fails):
    now = measured(ratio_to_calibration=ratio)
    complaints = compare({"t.py::test_a": THEN, "t.py::test_b": now}, allowed=0.1).complaints
    assert bool(complaints) == fails
    if fails:
        assert complaints[0].startswith("t.py::test_b: expected at most 1.1 times")


def test_without_a_gate_slower_is_fine():
    now = measured(ratio_to_calibration=99.0)
    assert not compare({"t.py::test_a": THEN, "t.py::test_b": now}).complaints


def test_a_measurement_survives_the_file():
    odd = measured(settings={"rate": type("Half", (), {"__str__": lambda _: "0.5"})()})
    assert measurement_of(THEN.to_extra_info()) == THEN
    assert measurement_of(odd.to_extra_info()).settings == {"rate": "0.5"}
