"""What a session is to be, kept from before its first block: `run --resume` goes on from there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from benchbench import __version__
from benchbench.certify.sources import installed_versions, sources_sha256
from benchbench.compare.contrast import Question
from benchbench.errors import BenchbenchError, StoreError, UsageError, nearest
from benchbench.experiments.environments.backends import backend_there
from benchbench.experiments.names import LOCAL
from benchbench.experiments.steady import Steady
from benchbench.experiments.until import Until
from benchbench.files import make_folder, read_file, write_new
from benchbench.machines import Machine
from benchbench.measure.machine import affinity, machine
from benchbench.plugins.plugin_files import announced
from benchbench.plugins.registry import Registry
from benchbench.run.encoding import to_json
from benchbench.run.plan import Session
from benchbench.run.store import RESULTS_VARIABLE, Store
from benchbench.spec.protocol import TrainingProtocol

PLAN_SCHEMA = 1
# Of one session; more are several sessions.
MOST_BLOCKS = 100_000
# A certificate takes some ten thousand bytes, a cell has one.
_LARGEST_BYTES = 64 << 20
# What a run's speed hangs on; the total of memory differs from one kernel to the next.
_MACHINE = (
    *("system", "processor", "physical_cores", "usable_cores", "python", "accelerators"),
    *("cpu_quota", "slow_cores"),
)


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A session and how far it is to go: `blocks`, or by the rule `until`.

    `steady` says how many steady epochs its runs train, where more than the protocol's. `question`
    is what it is to answer, `certified` whether only certified cells are compared.
    `plugin_files` are the paths of backends in files (`--backend my_backend.py`).
    `machine`, `versions` and `sources`, the hash of each backend's code, are those of the time it
    was planned. `executor_options` are as the executor gave them to be kept. `certified_protocol`
    is for certificates that nodes make, None where there are none to make.
    """

    schema: int = PLAN_SCHEMA
    session: Session
    blocks: Annotated[int, msgspec.Meta(ge=1, le=MOST_BLOCKS)]
    until: Until | None
    steady: Steady | None = None
    question: Question
    certified: bool
    executor: str
    timeout_seconds: float
    plugin_files: tuple[str, ...] = msgspec.field(default_factory=lambda: tuple(announced()))
    machine: Machine = msgspec.field(default_factory=machine)
    versions: dict[str, str]
    sources: dict[str, str]
    executor_options: str | None = None
    certified_protocol: TrainingProtocol | None = None


def versions_here(session: Session, registry: Registry) -> dict[str, str]:
    """Return the versions of benchbench and of what the session's backends require, as installed.

    Raises UsageError for a backend that is not there, Unavailable for an environment.
    """
    found = {"benchbench": __version__}
    for name, python in _backends(session):
        if python is None:
            found |= installed_versions(registry.backend(name))
        else:
            there = backend_there(name, python)
            found |= {f"{one} of {python}": number for one, number in there.versions.items()}
    return found


def sources_here(session: Session, registry: Registry) -> dict[str, str]:
    """Return a hash of each backend's code, by which an edit is noticed that is no new version."""
    return {
        name if python is None else f"{name} of {python}": (
            sources_sha256(registry.backend(name))
            if python is None
            else backend_there(name, python).sources_sha256
        )
        for name, python in _backends(session)
    }


def _backends(session: Session) -> list[tuple[str, str | None]]:
    """Return each backend of the session with the interpreter that it has of its own, if any."""
    return list(dict.fromkeys((cell.backend, cell.environment.python) for cell in session.cells))


def save_plan(store: Store, plan: SavedPlan) -> None:
    """Write the plan. Raises StoreError."""
    path = _path(store, plan.session.session_id)
    try:
        make_folder(path.parent)
        write_new(path, msgspec.json.format(to_json(plan), indent=1) + b"\n")
    except OSError as error:
        raise StoreError(
            f"the plan {path} cannot be written ({error.strerror or error}); name another folder "
            f"with --results or {RESULTS_VARIABLE}"
        ) from None


def load_plan(store: Store, session_id: str) -> SavedPlan:
    """Read a session's plan. Raises UsageError for an unknown one, StoreError for a bad one."""
    path = _path(store, session_id)
    if not re.fullmatch(r"[A-Za-z0-9-]{1,80}", session_id):
        raise UsageError(_unknown(store, session_id))
    try:
        plan = msgspec.json.decode(read_file(path, limit=_LARGEST_BYTES), type=SavedPlan)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(_unknown(store, session_id)) from None
    except OSError as error:
        raise StoreError(f"cannot read the plan {path}: {error.strerror or error}") from None
    except (ValueError, ArithmeticError, RecursionError, BenchbenchError) as error:
        raise StoreError(
            f"{path} is no plan of a session that this benchbench can resume: {error}"
        ) from None
    if plan.schema != PLAN_SCHEMA or plan.session.session_id != session_id:
        raise StoreError(
            f"{path}: expected the plan of {session_id}, version {PLAN_SCHEMA}, but it is that of "
            f"{plan.session.session_id}, version {plan.schema}"
        )
    return plan


def differences_here(plan: SavedPlan, registry: Registry) -> list[str]:
    """Return what is other here than when the session was planned: versions, code of backends.

    Raises UsageError for a backend that is not there.
    """
    found = list(_differences("", plan.versions, versions_here(plan.session, registry)))
    ours = sources_here(plan.session, registry)
    return found + [
        f"the code of '{name}' has changed"
        for name, planned in sorted(plan.sources.items())
        if ours.get(name) != planned
    ]


def must_be_the_same_here(plan: SavedPlan, registry: Registry) -> None:
    """Raise UsageError where the session would go on on another machine or other versions."""
    found = differences_here(plan, registry)
    if plan.executor == LOCAL:
        both = (
            {name: one[name] for name in _MACHINE}
            for one in map(msgspec.to_builtins, (plan.machine, machine()))
        )
        found += _differences("the machine's ", *both)
        if gone := sorted(set(plan.session.cpus or ()) - affinity()):
            found.append(f"this process may not use the processors {gone}")
    if found:
        raise UsageError(
            f"the session {plan.session.session_id} cannot be resumed here: {'; '.join(found)}. "
            f"Its blocks would not be alike: resume it where it began, or run a new session"
        )


def _differences(
    whose: str, planned: Mapping[str, object], here: Mapping[str, object]
) -> Iterator[str]:
    for name in sorted({*planned, *here}):
        if planned.get(name) != here.get(name):
            before, now = planned.get(name, "not there"), here.get(name, "not there")
            yield f"{whose}{name.replace('_', ' ')} was {before}, and is {now}"


def _path(store: Store, session_id: str) -> Path:
    return store.plans / f"{session_id}.json"


def _unknown(store: Store, session_id: str) -> str:
    known = sorted(path.stem for path in store.plans.glob("*.json"))
    told = f"there is no session '{session_id}' in {store.folder.parent}"
    if store.session(session_id):
        return (
            f"{told}: its records are there, but not what was planned; it was run by another verb, "
            f"or by a benchbench that kept no plans"
        )
    latest = f"the latest is {known[-1]}" if known else "there is none at all"
    return f"{told}{nearest(session_id, known)}; {latest}; --results names another folder"
