"""The machine's facts are read, and what cannot be read is null."""

import os

import pytest

from benchbench.measure import machine


@pytest.fixture
def affinity(monkeypatch):
    """Say which logical cores this process may use."""

    def pretend(*cpus):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(cpus), raising=False)

    return pretend


@pytest.fixture
def topology(tmp_path):
    """Write the kernel's topology files: each argument is the siblings of one physical core."""

    def write(*cores):
        for siblings in cores:
            for cpu in siblings:
                folder = tmp_path / f"cpu{cpu}" / "topology"
                folder.mkdir(parents=True)
                listed = ",".join(map(str, siblings))
                (folder / "thread_siblings_list").write_text(f"{listed}\n")
        return tmp_path

    return write


def test_facts_of_this_machine():
    here = machine.machine()
    assert here.usable_cores == len(os.sched_getaffinity(0))
    assert here.memory_bytes > 2**28
    assert here.processor
    assert here.system.startswith(os.uname().sysname)


def test_hardware_threads_of_one_core_count_once(affinity, topology):
    affinity(0, 1, 2, 3)
    assert machine.physical_cores(topology((0, 2), (1, 3))) == 2


def test_only_cores_of_the_affinity_mask_count(affinity, topology):
    affinity(0, 2)
    assert machine.physical_cores(topology((0, 2), (1, 3))) == 1


def test_unreadable_topology_falls_back_to_usable_cores(affinity, tmp_path, monkeypatch):
    affinity(0, 1, 2)
    monkeypatch.setattr(machine.psutil, "cpu_count", lambda logical: None)
    assert machine.physical_cores(tmp_path) == 3
    monkeypatch.setattr(machine.psutil, "cpu_count", lambda logical: 2)
    assert machine.physical_cores(tmp_path) == 2


def test_threads_get_cores_of_their_own_first(affinity, topology):
    affinity(0, 1, 2, 3)
    cores = topology((0, 1), (2, 3))
    assert machine.processors(1, cores) == (0,)
    assert machine.processors(2, cores) == (0, 2)
    assert machine.processors(3, cores) == (0, 1, 2)
    assert machine.processors(4, cores) == (0, 1, 2, 3)


def test_fractions_are_of_the_time_since_the_last_reading(monkeypatch):
    times = iter(
        [
            machine.CpuTimes(total=100.0, busy=40.0, steal=1.0),
            machine.CpuTimes(total=110.0, busy=45.0, steal=2.0),
        ]
    )
    monkeypatch.setattr(machine, "_cpu_times", lambda: next(times))
    first, before = machine.state(None)
    assert first.busy_fraction is None
    assert first.steal_fraction is None
    second, _ = machine.state(before)
    assert second.busy_fraction == pytest.approx(0.5)
    assert second.steal_fraction == pytest.approx(0.1)


def test_two_readings_at_once_tell_nothing(monkeypatch):
    same = machine.CpuTimes(total=100.0, busy=40.0, steal=0.0)
    monkeypatch.setattr(machine, "_cpu_times", lambda: same)
    reading, _ = machine.state(same)
    assert reading.busy_fraction is None


def test_counters_that_run_backwards_are_no_negative_fraction(monkeypatch):
    now = machine.CpuTimes(total=110.0, busy=39.9, steal=0.0)
    monkeypatch.setattr(machine, "_cpu_times", lambda: now)
    reading, _ = machine.state(machine.CpuTimes(total=100.0, busy=40.0, steal=0.0))
    assert reading.busy_fraction == 0.0


@pytest.mark.parametrize(
    ("content", "pressure"),
    [
        ("some avg10=12.50 avg60=0.13 avg300=0.22 total=5861990\nfull avg10=0.00\n", 12.5),
        ("nonsense\n", None),
        ("some avg10=broken\n", None),
        (None, None),
    ],
)
def test_pressure_is_read_or_null(tmp_path, monkeypatch, content, pressure):
    file = tmp_path / "cpu"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(machine, "_PRESSURE", file)
    reading, _ = machine.state(None)
    assert reading.cpu_pressure == pressure


def test_frequency_is_of_the_fastest_usable_core(affinity, tmp_path):
    affinity(0, 1, 2)
    assert machine.cpu_mhz(tmp_path) is None
    for core, text in enumerate(["1200000", "3400500", "nonsense", "9000000"]):
        folder = tmp_path / f"cpu{core}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{text}\n")
    assert machine.cpu_mhz(tmp_path) == 3400.5
