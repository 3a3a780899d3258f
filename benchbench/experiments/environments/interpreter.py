"""Another Python, asked in a process of its own: is it one, has it this benchbench, which backends.

An environment with another benchbench is refused: its workers would make other checks, and their
times would be those of another harness.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any

import benchbench
from benchbench.errors import Unavailable, UsageError
from benchbench.experiments.contents import ContentsRequest, TreeContents
from benchbench.experiments.environments.names import NamedPython
from benchbench.experiments.other_code import ASKING_SECONDS, NoContentsError, ask_contents
from benchbench.plugins.entry_points import CORE
from benchbench.run.environment import apart
from benchbench.run.question import Returned, exchange

_OLDEST = (3, 11)
_SHOWN = 200
# Runs under any Python 3: what it says is all that is known of it.
_WHO = """
import json, sys
found = {"version": list(sys.version_info[:3])}
try:
    import benchbench
    found.update(benchbench=benchbench.__version__, file=benchbench.__file__)
except Exception as error:
    found["trouble"] = "%s: %s" % (type(error).__name__, error)
print(json.dumps(found))
"""


@functools.cache
def contents_of(python: NamedPython) -> TreeContents:
    """Return what the environment has: every backend of its plugins.

    Raises UsageError for what is no Python, Unavailable for one without this benchbench or that
    breaks when it is asked.
    """
    _must_have_benchbench(python)
    asked = ContentsRequest(backends=(), modules=(), models=())
    try:
        return ask_contents([str(python.path)], asked, _environment_of(python))
    except NoContentsError as error:
        raise Unavailable(
            f"the environment {python.label} cannot be asked for its backends: {error}"
        ) from None


@functools.cache
def version_of(python: NamedPython) -> str:
    """Return the version of the interpreter: "3.12.1". Raises UsageError for what is none."""
    return ".".join(map(str, _who(python)["version"]))


def install_in(python: NamedPython, *packages: str) -> str:
    """Return the command that installs packages there; without any, this benchbench."""
    wanted = " ".join(map(shlex.quote, packages)) if packages else _this_benchbench()
    return f"{shlex.quote(str(python.path))} -m pip install {wanted}"


def _must_have_benchbench(python: NamedPython) -> None:
    who = _who(python)
    place = f"the environment {python.label} ({python.path})"
    if tuple(who["version"][:2]) < _OLDEST:
        raise Unavailable(
            f"{place} is Python {version_of(python)}: benchbench needs 3.11 or newer; make another "
            f"environment"
        )
    install = f"install it with: {install_in(python)}"
    if "benchbench" not in who:
        raise Unavailable(f"{place} has no benchbench ({who.get('trouble', 'nothing')}): {install}")
    if who["benchbench"] != benchbench.__version__:
        raise Unavailable(
            f"{place} has benchbench {who['benchbench']}, expected {benchbench.__version__}, which "
            f"this command is: {install}"
        )
    there, here = (Path(str(file)).parent for file in (who["file"], benchbench.__file__))
    if there != here and _code_sha256(there) != _code_sha256(here):
        raise Unavailable(
            f"{place} has benchbench {who['benchbench']} with other code than this command "
            f"({there}): {install_in(python)} --force-reinstall --no-deps"
        )


@functools.cache
def _who(python: NamedPython) -> dict[str, Any]:
    try:
        returned = exchange(
            [str(python.path), "-c", _WHO],
            b"",
            environment=_environment_of(python),
            timeout_seconds=ASKING_SECONDS,
        )
    except OSError as error:
        returned = Returned(None, f"it cannot be started ({error.strerror or error})", "")
    said = (returned.answer or b"").decode(errors="replace").strip()
    try:
        found = json.loads(said.splitlines()[-1]) if said else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or "version" not in found:
        told = " ".join((said or returned.trouble).split())[:_SHOWN]
        raise UsageError(
            f"{python.path} (the environment {python.label}) is no Python that works: asked for "
            f"its version it answered: {told}"
        )
    return found


def _environment_of(python: NamedPython) -> dict[str, str]:
    return os.environ | apart(str(python.path))


def _code_sha256(folder: Path) -> str:
    """Return a hash of the code of a benchbench in this folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _this_benchbench() -> str:
    """Return what pip is to install so that it is this very one."""
    try:
        said = metadata.distribution(CORE).read_text("direct_url.json")
        origin = json.loads(said) if said else {}
    except (metadata.PackageNotFoundError, ValueError):
        origin = {}
    url = str(origin.get("url", ""))
    if not url.startswith("file://"):
        return shlex.quote(f"{CORE}=={benchbench.__version__}")
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f"{editable}{shlex.quote(url.removeprefix('file://'))}"
