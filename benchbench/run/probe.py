"""Ask a backend, in a process of its own, what it finds here: devices, divisions, versions.

Only an imported framework can tell its devices, and an imported framework may hang or crash.
"""

from __future__ import annotations

import msgspec

from benchbench.errors import BenchbenchError
from benchbench.measure.machine import physical_cores
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.registry import load_registry
from benchbench.run import question
from benchbench.run.encoding import to_json
from benchbench.run.plan import HERE, Environment


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend answered; `error` is null if it did."""

    backend: str
    devices: tuple[str, ...] = ()
    divisions: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    error: str | None = None


def probe(info: BackendInfo, *, timeout_seconds: float = 120.0, place: Environment = HERE) -> Probe:
    """Import the backend in a new process with a worker's environment, and return its answer.

    `place` is another environment than this process's.
    """
    returned = question.ask(
        __name__,
        info.name.encode(),
        info=info,
        threads=physical_cores(),
        timeout_seconds=timeout_seconds,
        place=place,
    )
    if returned.answer is None:
        return Probe(backend=info.name, error=returned.trouble)
    try:
        return msgspec.json.decode(returned.answer, type=Probe)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Probe(backend=info.name, error="its answer cannot be read")


def _answer(asked: bytes) -> bytes:
    name = asked.decode()
    try:
        backend = load_registry(retry=False).backend(name).create()
        said = {
            "backend": name,
            "devices": backend.devices(),
            "divisions": backend.divisions,
            "versions": backend.versions(),
        }
        found = msgspec.convert(msgspec.to_builtins(said, enc_hook=str), Probe)
    except BenchbenchError as error:
        found = Probe(backend=name, error=str(error))
    # A backend is a stranger's code: whatever it raises, SystemExit too, is an answer.
    except BaseException as error:
        found = Probe(backend=name, error=f"{type(error).__name__}: {error}")
    return to_json(found)


if __name__ == "__main__":
    question.answer(_answer)
