"""Whether other machines see a folder, by the kind of its file system."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
# What lies on these is this machine's alone, unless it is itself a server of files.
_LOCAL = {
    *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "ramfs", "overlay", "devtmpfs"),
    *("f2fs", "jfs", "reiserfs", "vfat", "exfat", "ntfs", "squashfs", "rootfs"),
}


def local_kind(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of a file system that no other machine sees; None where others may."""
    kind = _kind(folder, mounts)
    return kind if kind in _LOCAL else None


def _kind(folder: Path, mounts: Path) -> str | None:
    """Return the kind of the file system that a folder, or the nearest one above it, is on."""
    place = os.path.realpath(folder)
    best, kind = "", None
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[1])
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # of two at one place the later hides the earlier
            best, kind = point, words[2]
    return kind
