"""The process that imports plugins to read what they declare: `python -m` this, see `reading`.

A line says that it is there, then one for each plugin, in the order asked, what it declares. The
plugin that was to answer next is to blame for its death or silence.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import msgspec

from benchbench.children import answer_pipe
from benchbench.errors import PluginError
from benchbench.plugins.declarations import PluginDeclaration
from benchbench.plugins.hookspecs import PROJECT
from benchbench.plugins.loading import load_plugin
from benchbench.plugins.validation import declare

READY = b"ready"


class PluginPlace(msgspec.Struct, frozen=True):
    """An entry point: its name, and the module (and attribute) that it names."""

    name: str
    target: str


class ReadingRequest(msgspec.Struct, frozen=True):
    """Which plugins to read, with the folders to import from."""

    import_path: tuple[str, ...]
    plugins: tuple[PluginPlace, ...]


class FileStamp(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was: another time or size is another content."""

    path: str
    modified_ns: int
    size: int


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin declares, or why it is kept out; `files` are those of what it imported."""

    declaration: PluginDeclaration | None = None
    refusal: str | None = None
    files: tuple[FileStamp, ...] = ()


def stamp(path: Path) -> FileStamp | None:
    """Return a file's stamp, None where there is no such file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return FileStamp(str(path), status.st_mtime_ns, status.st_size)


def _main() -> None:
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=ReadingRequest)
    with answer_pipe() as pipe:
        pipe.write(READY + b"\n")
        pipe.flush()
        sys.path[:] = asked.import_path
        before = frozenset(sys.modules)
        for plugin in asked.plugins:
            answer = _read(plugin, before)
            pipe.write(msgspec.json.encode(answer, enc_hook=str) + b"\n")
            pipe.flush()
        # Threads that a plugin started, and what it does at exit, are of no use here.
        os._exit(0)


def _read(plugin: PluginPlace, before: frozenset[str]) -> Reading:
    entry_point = metadata.EntryPoint(plugin.name, plugin.target, PROJECT)
    declaration, refusal = None, None
    try:
        declaration = declare(load_plugin(entry_point), entry_point.module)
    except PluginError as error:
        refusal = str(error)
    # A plugin is a stranger's code: whatever it raises, SystemExit and KeyboardInterrupt too, is
    # its own trouble.
    except BaseException as error:
        refusal = _one_line(error)
    return Reading(declaration=declaration, refusal=refusal, files=tuple(_files(before)))


def _one_line(error: BaseException) -> str:
    """Return the type and the message of what was raised, as text that can be encoded."""
    try:
        message = str(error)
    except Exception:  # a stranger's `__str__`
        message = "its message cannot be had"
    whole = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return whole.encode(errors="backslashreplace").decode()


def _files(before: frozenset[str]) -> Iterator[FileStamp]:
    """Yield the files of the modules that were imported since; not the core's."""
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if name in before or name.startswith("benchbench.") or not isinstance(origin, str):
            continue
        found = stamp(Path(origin))
        if found:
            yield found


if __name__ == "__main__":
    _main()
