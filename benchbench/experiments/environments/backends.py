"""A backend of another environment, as it is declared there, and what certifies it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchbench.errors import Unavailable, UsageError, nearest
from benchbench.experiments.contents import BackendContents
from benchbench.experiments.environments.interpreter import contents_of, install_in, version_of
from benchbench.experiments.environments.names import NamedPython, find_python
from benchbench.experiments.other_code import OtherCertifier
from benchbench.plugins.contract import BackendInfo
from benchbench.run.environment import made_there
from benchbench.run.plan import HERE, Environment

ALL = "all"


@dataclass(frozen=True, slots=True)
class BackendElsewhere(BackendInfo):
    """A backend that another environment offers; `label` is that of tables, "@venvs/old"."""

    label: str = ""
    place: Environment = HERE


def find_elsewhere(name: str, word: str) -> list[BackendElsewhere]:
    """Return the backend of this name in the environment that a word means; of "all" those ready.

    Raises UsageError and Unavailable, with the command that mends it.
    """
    python = find_python(word)
    found = contents_of(python)
    if name == ALL:
        ready = [one for one in found.backends if not found.backends[one].missing]
        if not ready:
            raise Unavailable(f"no backend of the environment {python.label} is ready")
        for one in ready:
            _must_not_be_hidden(found.backends[one], python)
        return [_declared(one, found.backends[one], python) for one in ready]
    there = found.backends.get(name)
    if there is None:
        left_out = f"; left out there: {'; '.join(found.left_out)}" if found.left_out else ""
        raise UsageError(
            f"the environment {python.label} has no backend '{name}'"
            f"{nearest(name, found.backends)} (it has {', '.join(found.backends)}{left_out})"
        )
    if there.missing:
        lacking = [one.partition("|")[0].strip() for one in there.missing]
        raise Unavailable(
            f"the backend '{name}' needs {', '.join(there.missing)}, which the environment "
            f"{python.label} lacks; install it with: {install_in(python, *lacking)}"
        )
    _must_not_be_hidden(there, python)
    return [_declared(name, there, python)]


def _must_not_be_hidden(there: BackendContents, python: NamedPython) -> None:
    """Raise UsageError where PYTHONPATH would have another release measured than the one named."""
    for package, folder in there.hidden.items():
        raise UsageError(
            f"PYTHONPATH holds {folder}: the environment {python.label} would import {package} "
            f"from there, not its own; take that folder out of PYTHONPATH"
        )


def _declared(name: str, there: BackendContents, python: NamedPython) -> BackendElsewhere:
    place = Environment(
        python=str(python.path),
        variables=there.environment,
        removes=there.removes,
        notes=there.notes,
        python_version=version_of(python),
    )
    return BackendElsewhere(
        name,
        requires=(),
        create=made_there,
        divisions=there.divisions,
        environment=there.environment,
        removes=there.removes,
        notes=there.notes,
        label=f"@{python.label}",
        place=place,
    )


def certifier_of(
    python: str, heard: Callable[[str], None] | None = None
) -> tuple[OtherCertifier, dict[str, BackendInfo]]:
    """Return what certifies cells that run under an interpreter, and the backends there by name."""
    named = find_python(python)
    found = contents_of(named)
    infos: dict[str, BackendInfo] = {
        name: _declared(name, there, named) for name, there in found.backends.items()
    }
    return OtherCertifier(python, found, Environment(python=python), heard), infos


def told_apart(infos: Sequence[BackendInfo]) -> list[BackendInfo]:
    """Return the backends, environments of one label by their whole paths."""
    places: dict[str, set[str | None]] = {}
    for one in infos:
        if isinstance(one, BackendElsewhere):
            places.setdefault(one.label, set()).add(one.place.python)
    return [
        replace(one, label=f"@{one.place.python}")
        if isinstance(one, BackendElsewhere) and len(places[one.label]) > 1
        else one
        for one in infos
    ]


def backend_there(name: str, python: str) -> BackendContents:
    """Return what an environment says of a backend. Raises UsageError, Unavailable."""
    named = find_python(python)
    found = contents_of(named).backends
    if name not in found:
        raise UsageError(f"the environment {named.label} has no backend '{name}' any more")
    _must_not_be_hidden(found[name], named)
    return found[name]
