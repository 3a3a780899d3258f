"""A control group's CPU quota is found in either version, and counted in what follows from it."""

from __future__ import annotations

import os

import msgspec
import pytest
from makers import MACHINE, make_record

from benchbench.compare.cells import machine_name
from benchbench.compare.remarks import remarks
from benchbench.machines import MachineState
from benchbench.measure import machine
from benchbench.measure.foreign import CpuUse, throttled
from benchbench.measure.noise import noise_marks
from benchbench.measure.quota import CpuQuota, cpu_quota
from benchbench.report import doctor
from benchbench.report.renderers import terminal


@pytest.fixture
def process(tmp_path):
    """Write what the kernel shows of a process: its groups, its mounts, and files by folder."""

    def _process(groups, mounts, files):
        for name, text in files.items():
            path = tmp_path / "sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        lines = [
            f"3{n} 23 0:2{n} {root} {tmp_path / 'sys' / place} rw - {kind}"
            for n, (root, place, kind) in enumerate(mounts)
        ]
        (tmp_path / "cgroup").write_text("".join(f"{line}\n" for line in groups))
        (tmp_path / "mountinfo").write_text("\n".join(["nonsense", *lines]))
        return cpu_quota(tmp_path)

    return _process


V2 = ("/", "fs", "cgroup2 cgroup rw")
V1 = ("/", "cpu", "cgroup cgroup rw,cpu,cpuacct")
THROTTLED = "nr_periods 9\nnr_throttled 7\nthrottled_usec 1\n"


def test_version_2_as_a_container_sees_it(process):
    files = {"fs/cpu.max": "150000 100000\n", "fs/cpu.stat": THROTTLED}
    assert process(["0::/"], [V2], files) == CpuQuota(1.5, 7)


def test_of_nested_groups_the_tightest_counts(process):
    files = {
        "fs/a/cpu.max": "200000 100000\n",
        "fs/a/cpu.stat": THROTTLED,
        "fs/a/b/cpu.max": "max 100000\n",
        "fs/a/b/c/cpu.max": "400000 100000\n",
    }
    assert process(["0::/a/b/c"], [V2], files) == CpuQuota(2.0, 7)


def test_version_1(process):
    files = {
        "cpu/job/cpu.cfs_quota_us": "300000\n",
        "cpu/job/cpu.cfs_period_us": "100000\n",
        "cpu/job/cpu.stat": "nr_throttled 4\nthrottled_time 99\n",
        "cpu/cpu.cfs_quota_us": "-1\n",
        "cpu/cpu.cfs_period_us": "100000\n",
    }
    groups = ["4:memory:/job", "3:cpu,cpuacct:/job", "0::/"]
    memory = ("/", "memory", "cgroup cgroup rw,memory")
    assert process(groups, [memory, V1], files) == CpuQuota(3.0, 4)


def test_a_container_whose_path_is_the_host_s_has_its_mount(process):
    mount = ("/docker/abc", "fs", "cgroup2 cgroup rw")
    files = {"fs/cpu.max": "50000 100000\n", "fs/in/cpu.max": "40000 100000\n"}
    for group in ("/docker/abc", "/../elsewhere", "/not/there"):
        assert process([f"0::{group}"], [mount], files) == CpuQuota(0.5, None)
    assert process(["0::/docker/abc/in"], [mount], files) == CpuQuota(0.4, None)


@pytest.mark.parametrize("text", ["max 100000", "", "-1 100000", "100000 0", "x y z"])
def test_no_quota_is_none(process, text):
    assert process(["0::/"], [V2], {"fs/cpu.max": text}) is None
    assert process([], [], {}) is None
    assert process(["garbage", "1:cpu:/"], [V2], {}) is None


def test_the_default_number_of_threads_is_that_of_the_quota(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine.psutil, "cpu_count", lambda logical: 8)
    for cores, threads in ((None, 8), (2.5, 2), (0.5, 1), (64.0, 8)):
        quota = CpuQuota(cores, 0) if cores else None
        monkeypatch.setattr(machine, "cpu_quota", lambda quota=quota: quota)
        assert machine.physical_cores(tmp_path) == threads
        assert machine.machine().cpu_quota == cores


def test_throttled_periods_are_counted_in_a_turn_and_make_it_noisy():
    before, after = CpuUse(0.0, 0.0, 0.0, 7), CpuUse(9.0, 9.0, 9.0, 12)
    assert throttled(before, after) == 5
    assert throttled(None, after) is throttled(before, CpuUse(9.0, 9.0, 9.0)) is None
    record = make_record()
    first, *others = record.epochs
    held = msgspec.structs.replace(first, throttled_periods=5, machine=MachineState())
    record = msgspec.structs.replace(record, epochs=(held, *others))
    (mark,) = noise_marks(record, None)
    assert (mark.epoch, mark.reason) == (1, "the CPU quota was used up in 5 periods")


def test_the_quota_is_in_the_machine_s_name_and_in_the_doctor_s_words():
    limited = msgspec.structs.replace(MACHINE, cpu_quota=1.5, slow_cores=4)
    assert machine_name(make_record(machine=limited)) == "Some CPU, 2 cores, CPU quota 1.5"
    told = terminal.render((doctor.machine(limited),))
    assert "the time of 1.5 cores" in told
    assert "4 of those, taken last" in told


@pytest.mark.parametrize(
    "files",
    [
        {"cpu_core/cpus": "0-1", "cpu_atom/cpus": "2-3,7"},
        {f"system/cpu/cpu{n}/cpu_capacity": "1024" if n < 2 else "446" for n in range(4)},
    ],
    ids=["Intel", "Arm"],
)
def test_slow_cores_are_taken_last(monkeypatch, tmp_path, files):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert machine.slow_cores(tmp_path) & {0, 1, 2, 3} == {2, 3}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 2, 3}, raising=False)
    assert machine.processors(1, tmp_path, tmp_path) == (1,)
    assert machine.processors(2, tmp_path, tmp_path) == (1, 2)
    assert machine.slow_cores(tmp_path / "nowhere") == set()


def test_threads_that_stood_idle_are_told():
    def told(**changes):
        return list(remarks([make_record(threads=4, train_seconds=(1.0, 1.0), **changes)]))

    (remark,) = told(threads_observed=1.2)
    assert "of the 4 threads that it was given 1.2 were at work on average; --threads 2" in remark
    # Their threads may have waited for a core.
    busy = [
        msgspec.structs.replace(epoch, foreign_cpu_fraction=0.8) for epoch in make_record().epochs
    ]
    assert told(threads_observed=1.2, epochs=tuple(busy)) == []
    assert told(threads_observed=3.1) == told() == told(threads_observed=1.0, device="cuda:0") == []
