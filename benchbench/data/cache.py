"""Our own folder for what was fetched or generated, and how it is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from benchbench.files import expanded, make_folder, replace_file

CACHE_VARIABLE = "BENCHBENCH_CACHE"


def cache_folder(name: str) -> Path:
    """Return the cache folder of one data set; it need not exist.

    It lies in `BENCHBENCH_CACHE`, or else where the operating system wants caches.
    """
    root = os.environ.get(CACHE_VARIABLE)
    if not root:
        import platformdirs

        root = platformdirs.user_cache_dir("benchbench")
    return absolute(root) / name


def absolute(path: str | Path) -> Path:
    """Return a path from the root, with the home folder in the place of a tilde, where there is."""
    return expanded(path).absolute()


def store(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, each whole or not at all, replacing what has the same name.

    Raises OSError where that cannot be done.
    """
    make_folder(folder)
    for name, content in files.items():
        replace_file(folder / name, content)
