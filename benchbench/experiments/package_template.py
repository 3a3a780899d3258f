"""The files of a small package with a backend that works, to be changed."""

from __future__ import annotations

import re
from pathlib import Path

from benchbench.errors import UsageError
from benchbench.plugins.registry import Registry

# `all` names every backend on the command line; benchbench-harness is benchbench's own package.
RESERVED = ("all", "harness")

# The file `X.in` of the folder `template` is written to this path of the new package.
PATHS = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "__init__.py": "{package}/__init__.py",
    "backend.py": "{package}/backend.py",
    "test_conformance.py": "tests/test_conformance.py",
}


def write_package(name: str, into: Path, registry: Registry) -> list[Path]:
    """Write the package benchbench-NAME into a folder; return its folder, then its files.

    Raises UsageError for a name that is none or is taken, and where nothing can be written.
    """
    _check_name(name, registry)
    folder = into / f"benchbench-{name}"
    files = package_files(name)
    _write(folder, files)
    return [folder, *(folder / path for path in files)]


def package_files(name: str) -> dict[str, str]:
    """Return the files of the package for a backend of this name: text by path."""
    from importlib.resources import files
    from string import Template

    template = files("benchbench.experiments") / "template"
    words = {
        "name": name,
        "package": f"benchbench_{name.replace('-', '_')}",
        "title": "".join(word.capitalize() for word in name.split("-")),
    }
    return {
        path.format(**words): Template((template / f"{file}.in").read_text("utf-8")).substitute(
            words
        )
        for file, path in PATHS.items()
    }


def _check_name(name: str, registry: Registry) -> None:
    """Raise UsageError for a name that is none, or that is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(
            f"a backend's name is small letters and digits, with single dashes between them, and "
            f"starts with a letter; '{name}' is not"
        )
    if name in RESERVED:
        raise UsageError(
            f"no backend may be named {' or '.join(RESERVED)}: they mean something else already"
        )
    if name in registry.backends:
        raise UsageError(
            f"there is a backend '{name}' already, from {registry.backends[name].distribution}; "
            f"take another name"
        )


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write the files into a new folder. Raises UsageError if it is there or cannot be made."""
    try:
        folder.mkdir(parents=True)
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise UsageError(
            f"{folder} is there already, and nothing in it was touched; remove it, or name another "
            f"folder with --into"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from None
