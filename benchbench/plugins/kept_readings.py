"""What plugins declare, kept in the user's cache until their files or what is installed change."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import msgspec

from benchbench.data.cache import cache_folder, store
from benchbench.files import read_file
from benchbench.plugins.entry_points import distribution_of, module_of
from benchbench.plugins.reading_process import FileStamp, Reading, stamp

# A refusal may have been bad luck: a slow disk, a loaded machine.
REFUSAL_SECONDS = 3600.0
# A file that nobody has written for so long is of a plugin that is gone, as like as not.
_UNUSED_SECONDS = 30 * 86400.0
_FOLDER = "declarations"
_SUFFIXES = {".py", ".toml"}
_VOLATILE = {"SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES"}


class KeptReading(msgspec.Struct, frozen=True, kw_only=True):
    """A reading and what it depends on.

    `core` is a hash of the code that read it, `installed` one of the distributions that are there,
    `own_files` are those of the plugin's package. `environment` is a hash of the variables.
    """

    core: str
    installed: str
    own_files: tuple[FileStamp, ...]
    environment: str
    made: float
    reading: Reading


def keep(entry_point: metadata.EntryPoint, reading: Reading) -> None:
    """Keep what was read; where there is no room, it is read again."""
    kept = KeptReading(
        core=_core(),
        installed=_installed(),
        own_files=tuple(_own_files(entry_point)),
        environment=_environment(),
        made=time.time(),
        reading=reading,
    )
    with suppress(OSError, RuntimeError):
        folder = cache_folder(_FOLDER)
        store(folder, {_file_name(entry_point): msgspec.json.encode(kept)})
        for path in folder.iterdir():
            if path.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                path.unlink()


def kept_reading(entry_point: metadata.EntryPoint, *, retry: bool) -> Reading | None:
    """Return what was read of this plugin as it is now, None where that must be done anew.

    `retry`: a refusal holds for an hour, and under the same environment variables.
    """
    try:
        path = cache_folder(_FOLDER) / _file_name(entry_point)
        kept = msgspec.json.decode(read_file(path), type=KeptReading)
    except (OSError, RuntimeError, ValueError, RecursionError):
        return None
    if (kept.core, kept.installed) != (_core(), _installed()):
        return None
    if kept.own_files != tuple(_own_files(entry_point)):
        return None
    if any(stamp(Path(one.path)) != one for one in kept.reading.files):
        return None
    if retry and kept.reading.refusal is not None:
        recent = abs(time.time() - kept.made) < REFUSAL_SECONDS
        if not recent or kept.environment != _environment():
            return None
    return kept.reading


def _file_name(entry_point: metadata.EntryPoint) -> str:
    place = _origin(entry_point)
    parts = (
        distribution_of(entry_point),
        entry_point.name,
        entry_point.value,
        sys.executable,
        str(place),
    )
    return f"{hashlib.sha256(repr(parts).encode(errors='backslashreplace')).hexdigest()}.json"


def _own_files(entry_point: metadata.EntryPoint) -> Iterator[FileStamp]:
    """Yield the files of the plugin's package, or the one of its module. Imports nothing."""
    place = _origin(entry_point)
    if place is None:
        return
    found = sorted(place.rglob("*")) if place.is_dir() else [place]
    for path in found:
        stamped = stamp(path) if path == place or path.suffix in _SUFFIXES else None
        if stamped:
            yield stamped


def _origin(entry_point: metadata.EntryPoint) -> Path | None:
    """Return the folder of the top-level package, the file of a module, None if there is none."""
    try:
        found = importlib.util.find_spec(module_of(entry_point).partition(".")[0])
    except (ImportError, ValueError, AttributeError):
        return None
    if found is None:
        return None
    folders = list(found.submodule_search_locations or ())
    origin = folders[0] if folders else found.origin
    return None if origin is None else Path(origin)


@functools.cache
def _core() -> str:
    """Return a hash of the interpreter and of the code that reads declarations."""
    rooms = [Path(__file__).parent, Path(__file__).parents[1] / "spec"]
    files = [stamp(path) for room in rooms for path in sorted(room.glob("*.py"))]
    return _hash((sys.version, files))


def _installed() -> str:
    """Return a hash of the names, which hold the versions, of all installed distributions."""
    names: list[str] = []
    for folder in sys.path:
        with suppress(OSError):
            names += [path.name for path in Path(folder or ".").iterdir()]
    return _hash(sorted(name for name in names if name.endswith((".dist-info", ".egg-info"))))


def _environment() -> str:
    """Return a hash of the environment variables, but for those that every command changes."""
    return _hash(
        sorted(
            (name, value)
            for name, value in os.environ.items()
            if name not in _VOLATILE and not name.startswith("_")
        )
    )


def _hash(content: object) -> str:
    return hashlib.sha256(repr(content).encode(errors="backslashreplace")).hexdigest()
