"""The share of the CPU that a control group leaves this process: a container's `--cpus 2`.

A process may see 64 cores and be given the time of two; its threads are then stopped for the rest
of each period. Source: the kernel's admin-guide/cgroup-v2.rst, "CPU Interface Files", and
scheduler/sched-bwc.rst for version 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROCESS = Path("/proc/self")


class CpuQuota(NamedTuple):
    """How many cores' time there is, and in how many periods so far it was used up too early.

    `throttled_periods` is None where the kernel does not say.
    """

    cores: float
    throttled_periods: int | None


def cpu_quota(process: Path = _PROCESS) -> CpuQuota | None:
    """Return the tightest quota of the control groups of this process, None without any.

    `process` is its folder in /proc. Takes less than a millisecond.
    """
    found = [quota for folder, version in _groups(process) if (quota := _quota(folder, version))]
    return min(found, key=lambda one: one.cores, default=None)


def _groups(process: Path) -> Iterator[tuple[Path, int]]:
    """Yield the folders of the process's CPU groups, each with those above it, and the version."""
    mounts = dict(_mounts(_lines(process / "mountinfo")))
    for line in _lines(process / "cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        version = 2 if not controllers else 1
        if version not in mounts or (version == 1 and "cpu" not in controllers.split(",")):
            continue
        root, mount = mounts[version]
        # In a namespace of its own a container sees its group as the root of the mount.
        inside = path.removeprefix(root) if root != "/" and path.startswith(root) else path
        folder = mount / inside.strip("/")
        if ".." in folder.parts or not folder.is_dir():
            folder = mount
        while True:
            yield folder, version
            if folder == mount:
                break
            folder = folder.parent


def _mounts(lines: list[str]) -> Iterator[tuple[int, tuple[str, Path]]]:
    """Yield version, root and place of each mounted hierarchy that limits the CPU."""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            yield 2, (fields[3], Path(fields[4]))
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            yield 1, (fields[3], Path(fields[4]))


def _quota(folder: Path, version: int) -> CpuQuota | None:
    if version == 2:
        words = " ".join(_lines(folder / "cpu.max")).split()
    else:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = [" ".join(_lines(folder / name)).strip() for name in names]
    # "max" or -1: as much as there is.
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):
        return None
    stat = dict(line.partition(" ")[::2] for line in _lines(folder / "cpu.stat"))
    throttled = stat.get("nr_throttled", "")
    periods = int(throttled) if throttled.isdecimal() else None
    return CpuQuota(int(words[0]) / int(words[1]), periods)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file of the kernel's, none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
