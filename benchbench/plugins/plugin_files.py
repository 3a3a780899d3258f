"""A plugin that is a file of the user's, not an installed distribution: `--backend my_backend.py`.

A file that was named is announced in the environment, so that the processes of this command find it
too: its folder to import from, and its name.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib import metadata
from pathlib import Path

from benchbench.errors import UsageError
from benchbench.plugins.hookspecs import PROJECT

FILES_VARIABLE = "BENCHBENCH_PLUGIN_FILES"
_ENDING = ".py"


def is_plugin_file(name: str) -> bool:
    """Say whether a backend's name is that of a file."""
    return name.endswith(_ENDING)


def announce(name: str) -> None:
    """Have the plugin in this file found from now on. Nothing of it runs here.

    Raises UsageError for a file that is not there, or whose name another module has.
    """
    path = Path(name).absolute()
    if not path.is_file():
        raise UsageError(f"--backend {name}: there is no such file")
    if not path.stem.isidentifier():
        raise UsageError(
            f"--backend {name}: Python cannot import a file of this name; expected letters, digits "
            f"and '_' before .py, the first no digit"
        )
    if str(path) in announced():
        return
    if os.pathsep in str(path):
        raise UsageError(
            f"--backend {name}: Python cannot import from {path.parent}: expected a path "
            f"without '{os.pathsep}'; move the file"
        )
    known = importlib.util.find_spec(path.stem)
    if known is not None and known.origin != str(path):
        raise UsageError(
            f"--backend {name}: there is another module '{path.stem}' ({known.origin}); rename "
            f"the file"
        )
    folder = str(path.parent)
    sys.path.insert(0, folder)
    earlier = [one for one in (os.environ.get("PYTHONPATH"),) if one]
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *earlier])
    os.environ[FILES_VARIABLE] = os.pathsep.join([*announced(), str(path)])


def entry_points_of_files() -> list[metadata.EntryPoint]:
    """Return an entry point for each file that was announced, to this process or one above."""
    stems = [Path(path).stem for path in announced()]
    return [metadata.EntryPoint(stem, stem, PROJECT) for stem in stems]


def file_of(entry_point: metadata.EntryPoint) -> str | None:
    """Return the path of the announced file that is this plugin, None for an installed one."""
    name = entry_point.name if entry_point.name == entry_point.value else None
    return next((path for path in announced() if Path(path).stem == name), None)


def announced() -> list[str]:
    """Return the paths of the files that were announced, to this process or one above."""
    return [path for path in os.environ.get(FILES_VARIABLE, "").split(os.pathsep) if path]
