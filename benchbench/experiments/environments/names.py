"""What a user may write behind the @: a Python, a virtual environment, a name from a TOML file."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from benchbench.errors import Unavailable, UsageError, nearest
from benchbench.files import expanded, is_there, read_text

# The file that names environments, unless the variable names another.
ENVIRONMENTS_FILE = "environments.toml"
ENVIRONMENTS_VARIABLE = "BENCHBENCH_ENVIRONMENTS"
_LARGEST_BYTES = 1 << 20
# What a virtual environment has in its folder.
_MARK = "pyvenv.cfg"
_PYTHONS = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")


@dataclass(frozen=True, slots=True)
class NamedPython:
    """An interpreter, and how tables call the environment that it is of."""

    label: str = field(compare=False)
    path: Path


def split_environment(name: str) -> tuple[str, str | None]:
    """Return backend and environment of "torch@venvs/old"; None where no environment is named.

    A name that ends in .py is that of a file, whatever it holds. Raises UsageError for an @ with
    nothing before it or behind it.
    """
    backend, at, word = name.partition("@")
    if not at or name.endswith(".py"):
        return name, None
    if not backend or not word.strip():
        raise UsageError(
            f"--backend {name}: expected BACKEND@ENVIRONMENT, such as torch@venvs/torch-2.13; "
            f"{'no backend stands before' if not backend else 'nothing stands behind'} the @"
        )
    return backend, word.strip()


def find_python(word: str) -> NamedPython:
    """Return the interpreter that a word means. Nothing runs.

    A word without a slash is first looked for in the file of environments. Raises Unavailable where
    nothing is there, UsageError for what is there and is no Python.
    """
    listed = _listed()
    if word in listed:
        return NamedPython(
            "_".join(word.split()), _interpreter(listed[word], f"{word} of {_file()}")
        )
    path = expanded(word)
    if not is_there(path):
        raise Unavailable(
            f"there is no environment '{word}'{nearest(word, listed)}: expected a Python "
            f"(venvs/old/bin/python), the folder of a virtual environment (venvs/old), or a name "
            f"from {_file()} ({_names(listed)})"
        )
    return NamedPython(_label(word), _interpreter(path, word))


def _interpreter(path: Path, word: str) -> Path:
    """Return the executable: the path itself, or that of the environment in the folder."""
    if not is_there(path):
        raise Unavailable(f"the environment {word} is not there: {path} does not exist")
    # Not resolved: a virtual environment's Python is a link to another, and would not be its own.
    place = Path(os.path.abspath(path))  # noqa: PTH100 - `absolute` keeps the dots
    if place.is_dir():
        found = [place / one for one in _PYTHONS if is_there(place / one)]
        if not found:
            raise UsageError(
                f"the folder {word} is no virtual environment: expected {_PYTHONS[0]} in it; make "
                f"one with: python3 -m venv {path}"
            )
        place = found[0]
    if not os.access(place, os.X_OK) or not place.is_file():
        raise UsageError(f"{word} is no Python: {place} cannot be executed")
    return place


def _label(word: str) -> str:
    """Return a word as tables show it: a folder for its Python, a long path by its last part."""
    path = Path(word)
    if is_there(expanded(path).parent.parent / _MARK):
        path = path.parent.parent
    far = path.is_absolute() or ".." in path.parts or "~" in word
    # In a cell's name a space ends the environment.
    return "_".join((path.name if far else str(path)).split())


def _file() -> Path:
    return Path(os.environ.get(ENVIRONMENTS_VARIABLE) or ENVIRONMENTS_FILE)


def _names(listed: dict[str, Path]) -> str:
    return f"which has {', '.join(listed)}" if listed else "there is none here"


def _listed() -> dict[str, Path]:
    """Return the paths of the file by their names. Raises UsageError for a file that is wrong."""
    file = _file()
    if not is_there(file):
        if os.environ.get(ENVIRONMENTS_VARIABLE):
            raise UsageError(f"{ENVIRONMENTS_VARIABLE} names {file}, which does not exist")
        return {}
    try:
        found = tomllib.loads(read_text(file, limit=_LARGEST_BYTES))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from None
    # Not only TOMLDecodeError: a whole number may have more digits than Python reads.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from None
    table = found.get("environments")
    if set(found) != {"environments"} or not isinstance(table, dict):
        raise UsageError(
            f"{file}: expected one table [environments], with a line like old = "
            f'"venvs/torch-2.13" for each, got {", ".join(found) or "none"}'
        )
    wrong = [name for name, value in table.items() if not isinstance(value, str) or not value]
    if wrong:
        raise UsageError(f"{file}: {', '.join(wrong)}: expected a path in quotes")
    return {name: file.parent / expanded(value) for name, value in table.items()}
