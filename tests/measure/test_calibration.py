"""The calibration: a fixed piece of work, timed."""

from __future__ import annotations

from benchbench.measure import calibration
from benchbench.measure.clock import cpu_ns


def test_the_work_is_timed_by_the_clock(monkeypatch):
    readings = iter([1_000_000_000, 1_250_000_000])
    monkeypatch.setattr(calibration, "now_ns", lambda: next(readings))
    assert calibration.calibrate(1) == 0.25


def test_it_takes_about_a_tenth_of_a_second_of_cpu_time():
    calibration.calibrate(1)
    before = cpu_ns()
    calibration.calibrate(1)
    assert 0.005 < (cpu_ns() - before) / 1e9 < 2
