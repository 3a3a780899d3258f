"""The machine: what it is, which cores it has, and what it is doing."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import socket
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchbench.machines import Machine, MachineState
from benchbench.measure import gpu
from benchbench.measure.quota import cpu_quota

_DEVICES = Path("/sys/devices")
_TOPOLOGY = _DEVICES / "system" / "cpu"
_PRESSURE = Path("/proc/pressure/cpu")
_CPUINFO = Path("/proc/cpuinfo")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def machine(*, include_host: bool = False) -> Machine:
    """Return the facts of this machine. Takes milliseconds; call it outside timed regions.

    Its name comes hashed, or as it is where it is to be `include_host`d.
    """
    quota = cpu_quota()
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=processor_name(),
        physical_cores=_topology_cores(_TOPOLOGY) or psutil.cpu_count(logical=False),
        usable_cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        accelerators=gpu.accelerators(),
        cpu_quota=quota.cores if quota else None,
        slow_cores=len(slow_cores() & affinity()) or None,
        host=node_name() if include_host else hashed(_identity(node_name())),
    )


def node_name() -> str:
    """Return the name of this machine: Slurm's where it started this process, else the system's."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def _identity(name: str, boot: Path = _BOOT) -> str:
    """Return what tells this machine from others: its name.

    A container without a name of its own has a random one, in Docker twelve hexadecimal digits: two
    on one machine would seem to be two machines. So that is known by the boot of its kernel.
    """
    return (_read(boot) or name) if re.fullmatch(r"[0-9a-f]{12}", name) else name


def hashed(name: str) -> str:
    """Return a short hash of a machine's name: the same in all records, and not the name."""
    return hashlib.sha256(f"benchbench host {name}".encode()).hexdigest()[:12]


def affinity() -> set[int]:
    """Return the logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def usable_cores() -> int:
    """Return the number of logical cores in this process's affinity mask."""
    return len(affinity())


def physical_cores(topology: Path = _TOPOLOGY) -> int:
    """Return the number of physical cores in the affinity mask: the default number of threads.

    Two hardware threads of one core count once. Never more than the whole cores of a CPU quota:
    threads beyond it would be stopped in each period. Where the topology cannot be read, the usable
    cores are all taken for physical ones, but never more than the machine has.
    """
    known = _topology_cores(topology)
    if known is None:
        known = min(usable_cores(), psutil.cpu_count(logical=False) or usable_cores())
    quota = cpu_quota()
    return min(known, max(1, int(quota.cores))) if quota else known


def slow_cores(devices: Path = _DEVICES) -> set[int]:
    """Return the logical cores of a slower kind: Intel's E cores, the small ones of Arm."""
    named = _listed(_read(devices / "cpu_atom" / "cpus"))
    if named and _read(devices / "cpu_core" / "cpus"):
        return named
    folder = devices / "system" / "cpu"
    capacities = {
        core: int(text)
        for core in affinity()
        if (text := _read(folder / f"cpu{core}" / "cpu_capacity")).isdecimal()
    }
    return {core for core, capacity in capacities.items() if capacity < max(capacities.values())}


def _listed(text: str) -> set[int]:
    """Return the numbers of a list as the kernel writes it: 0-3,8."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found |= set(range(int(first), int(last or first) + 1))
    return found


def processors(
    threads: int, topology: Path = _TOPOLOGY, devices: Path = _DEVICES
) -> tuple[int, ...] | None:
    """Choose the processors for `threads` threads: of different cores, as far as they go.

    Cores of a slower kind come last.

    None where the system has no affinity masks. `threads` is at most the size of the mask.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    usable = sorted(affinity())
    slow = slow_cores(devices)
    seen: dict[str, int] = {}
    rank = {}
    for processor in usable:
        core = _core(processor, topology) or str(processor)
        rank[processor] = seen[core] = seen.get(core, -1) + 1
    return tuple(sorted(sorted(usable, key=lambda one: (one in slow, rank[one], one))[:threads]))


class CpuTimes(NamedTuple):
    """CPU time of one core or of all since the machine started, in seconds."""

    total: float
    busy: float
    steal: float

    @classmethod
    def of(cls, times: Any) -> CpuTimes:
        """Sum up what psutil read of one core or of all."""
        # Linux counts a guest's time in user and nice as well.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        steal = getattr(times, "steal", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        return cls(total=total, busy=total - idle - steal, steal=steal)


def state(previous: CpuTimes | None) -> tuple[MachineState, CpuTimes]:
    """Return what the machine has been doing since `previous`, and the reading to hand in next.

    The fractions are null at the first reading, and where two readings are too close to tell.
    `calibration_seconds` and `cpu_mhz` are left null: they are for the caller, who says when that
    work is done.
    """
    times = _cpu_times()
    steal = busy = None
    if previous is not None and times.total > previous.total:
        passed = times.total - previous.total
        steal = _fraction(times.steal - previous.steal, passed)
        busy = _fraction(times.busy - previous.busy, passed)
    reading = MachineState(
        load_average=_load_average(),
        steal_fraction=steal,
        busy_fraction=busy,
        cpu_pressure=_cpu_pressure(_PRESSURE),
    )
    return reading, times


def cpu_mhz(topology: Path = _TOPOLOGY) -> float | None:
    """Return the frequency of the fastest usable core now; None where the kernel does not say.

    A core that rests is slow: ask right after it has worked.
    """
    found = [
        int(text) / 1000
        for core in affinity()
        if (text := _read(topology / f"cpu{core}" / "cpufreq" / "scaling_cur_freq")).isdecimal()
    ]
    return max(found, default=None)


def _topology_cores(topology: Path) -> int | None:
    """Count the physical cores of the affinity mask; None where any of them is unreadable."""
    cores = {_core(processor, topology) for processor in affinity()}
    return None if None in cores else len(cores)


def _core(processor: int, topology: Path) -> str | None:
    """Return a name for the physical core: the list of the processors that share it."""
    return _read(topology / f"cpu{processor}" / "topology" / "thread_siblings_list") or None


def _read(path: Path) -> str:
    """Return what a file of the kernel's says, nothing where it cannot be read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def processor_name() -> str:
    """Return what the processor is called, an empty string where nothing says so."""
    try:
        for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return answer.stdout.strip()
    return platform.processor() or platform.machine()


def _cpu_times() -> CpuTimes:
    return CpuTimes.of(psutil.cpu_times())


def _fraction(part: float, whole: float) -> float:
    # The kernel's counters may run backwards by a tick.
    return min(1.0, max(0.0, part / whole))


def _load_average() -> float | None:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def _cpu_pressure(path: Path) -> float | None:
    """Read "some avg10=1.23 ..." from Linux's pressure stall information."""
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith("some avg10="):
                return float(line.split()[1].removeprefix("avg10="))
    except (OSError, ValueError):
        pass
    return None
