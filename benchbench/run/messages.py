"""What conductor and worker say to each other: a request, then events, each a line of JSON."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import msgspec

from benchbench.audits import Audit
from benchbench.records import (
    Check,
    DatasetChoice,
    EpochRecord,
    FinalScore,
    Phases,
    Setting,
    Standardization,
    Status,
    Variant,
)
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.variables import Shape


class RunRequest(msgspec.Struct, frozen=True):
    """All that a worker needs to know for one run.

    `device` is auto, cpu, cuda or the backend's name of one; `cpus` are those to stay on;
    `spawned_ns` is when the process was started, by `measure.clock`; `further_epochs` follow the
    protocol's; `audited`: whether this run is, null in a session without audits.
    """

    young_fields: ClassVar = ("further_epochs", "audited")

    run_id: str
    session_id: str
    block: int
    backend: str
    division: str
    model: ModelSpec
    protocol: TrainingProtocol
    dataset: DatasetChoice
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seed: int
    spawned_ns: int
    variant: Variant | None = None
    further_epochs: int = 0
    audited: bool | None = None


class WorkerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker found out by itself; null is unknown. `characters`: a text's, by token.

    `threads_observed`: CPU over wall time of the training epochs.
    """

    device: str | None = None
    parameter_count: int | None = None
    parameter_shapes: tuple[Shape, ...] | None = None
    train_image_count: int | None = None
    validation_image_count: int | None = None
    standardization: Standardization | None = None
    characters: str | None = None
    test: FinalScore | None = None
    checks: tuple[Check, ...] = ()
    settings: dict[str, Setting] = {}
    versions: dict[str, str] = {}
    phases: Phases | None = None
    threads_observed: float | None = None
    peak_memory_bytes: int | None = None
    device_peak_memory_bytes: int | None = None
    audit: Audit | None = None


# Events, worker to conductor. The first three hand the baton back; the others end the run.


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The process is there and waits for its first turn; nothing is imported yet."""


class Built(msgspec.Struct, frozen=True, tag=True):
    """Framework imported, data loaded, model built, first weights set."""

    device: str


class EpochDone(msgspec.Struct, frozen=True, tag=True):
    """One epoch trained and validated; `watched_seconds`: the core looked on."""

    number: int
    epoch: EpochRecord
    watched_seconds: float | None = None


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The run came to its end; whether it is valid is for the checks to say.

    `waiting_cpu_seconds` are of each epoch, known only once the worker has its turn again;
    `watched_seconds`: the core looked on, in the last turn.
    """

    outcome: WorkerReport
    waiting_cpu_seconds: tuple[float, ...] = ()
    watched_seconds: float = 0.0


class GaveUp(msgspec.Struct, frozen=True, tag=True):
    """The run could not go on, and why. The worker says failed, skipped or oom for itself."""

    status: Status
    reason: str
    traceback: str | None = None


Event: TypeAlias = Ready | Built | EpochDone | Finished | GaveUp
