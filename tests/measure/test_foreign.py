"""What others used of the cores is what was used, less what we used; unknown where that is odd."""

import subprocess
import sys
from collections import namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.measure import foreign
from benchbench.measure.foreign import CpuUse, cpu_use, foreign_fraction

BURN = "import sys, time\nwhile time.process_time() < 0.3: pass\n"
STAY = BURN + "print(flush=True); sys.stdin.read()"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
subprocess.Popen([sys.executable, "-c", {STAY!r}])
sys.stdin.read()
"""

Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")


@pytest.mark.parametrize(
    ("busy", "ours", "fraction"),
    [(12.0, 12.0, 0.0), (20.0, 10.0, 0.5), (10.0, 0.0, 0.5), (20.0, 0.0, 1.0), (9.9, 10.0, 0.0)],
)
def test_fraction_is_of_all_cores_over_the_turn(busy, ours, fraction):
    before, after = CpuUse(100, 50, 30), CpuUse(110, 50 + busy, 30 + ours)
    assert foreign_fraction(before, after, 2) == pytest.approx(fraction)


def test_what_cannot_be_told_is_null():
    before, after = CpuUse(100, 50, 30), CpuUse(110, 60, 35)
    assert foreign_fraction(None, after, 2) is None
    assert foreign_fraction(before, None, 2) is None
    assert foreign_fraction(before, before._replace(now=100.2, busy=50.1), 2) is None
    assert foreign_fraction(before, after._replace(busy=50), 2) is None, "nothing was counted"


@given(st.floats(0.25, 1e4), st.floats(0, 1e4), st.floats(0, 1e4), st.integers(1, 128))
def test_fraction_is_one(seconds, busy, ours, cores):
    found = foreign_fraction(CpuUse(0, 0, 0), CpuUse(seconds, busy, ours), cores)
    assert found is None or 0 <= found <= 1


def test_only_the_usable_cores_count(monkeypatch):
    def core(busy: float) -> Times:
        return Times(busy, 0, 0, 1000, 7, 0, 0, 5, 0, 0)

    cores = [core(1), core(10), core(100)]
    monkeypatch.setattr(foreign.psutil, "cpu_times", lambda percpu: cores)
    monkeypatch.setattr(foreign, "affinity", lambda: {0, 2})
    monkeypatch.setattr(foreign, "_tree_seconds", lambda worker: 4.0)
    assert cpu_use(1).busy == 101
    monkeypatch.setattr(foreign, "affinity", lambda: {0, 3})
    assert cpu_use(1) is None


def test_ours_is_all_that_the_worker_started_alive_or_ended(monkeypatch):
    monkeypatch.setattr(foreign, "cpu_ns", lambda: 0)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PARENT], text=True, **pipes) as parent:
        parent.stdout.readline()  # the second child has done its work too, and lives
        before = cpu_use(parent.pid)
        parent.stdin.close()
    # The kernel tells ticks of 10 ms, rounded down; either child alone has used 0.3 s.
    assert before.ours > 0.5
    assert cpu_use(parent.pid) is None, "its process is gone"
