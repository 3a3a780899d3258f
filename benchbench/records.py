"""What one run says for good.

A record holds raw samples, no statistics; null is unknown. Fields: `docs/result-format.md`.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import msgspec

from benchbench.audits import Audit
from benchbench.certificates import Certificate
from benchbench.machines import Card, GpuState, Machine, MachineState
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.variables import Shape

SCHEMA = 4

Status: TypeAlias = Literal[
    "ok", "invalid", "failed", "crashed", "timeout", "oom", "interrupted", "skipped"
]
Setting: TypeAlias = str | int | float | bool


class Standardization(msgspec.Struct, frozen=True):
    """How the columns of a table were scaled: (value - mean) / scale, of the training rows.

    The last column is the target; one that numbers classes stays as it is (mean 0, scale 1).
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]


class DatasetChoice(msgspec.Struct, frozen=True):
    """A data set that has been found and verified: the worker loads it from there again.

    `target` is the column of a table that is learnt, null for the last; `autoencoder`: the inputs
    are the targets; `remarks` are for readers of its results.
    """

    name: str
    location: str | None = None
    sha256: str | None = None
    quick: bool = False
    remarks: tuple[str, ...] = ()
    target: str | None = None
    autoencoder: bool = False


class Variant(msgspec.Struct, frozen=True):
    """What sets a run apart from others of its backend and division.

    `label` is for tables; with @ first it names an environment. `slowdown` is a fraction of every
    epoch; `commit` is of the sources, `device` where a session has several.
    """

    label: str
    slowdown: float = 0.0
    commit: str | None = None
    device: str | None = None


class Stopping(msgspec.Struct, frozen=True):
    """How the number of a session's blocks was settled, where not before it began.

    `rule`: "width", the scatter of the first `pilot_blocks` settled it; "verdict", it was looked
    after each block. Statistics of such a session must allow for it.
    """

    rule: Literal["width", "verdict"]
    pilot_blocks: int | None = None


class EpochRecord(msgspec.Struct, frozen=True):
    """One epoch: seconds of wall time for training and for validation, and how it went.

    `turn` is its place, from 0, among the workers that trained this epoch in turn; a loss that is
    not finite is null (and fails that check). `waiting_cpu_seconds` is the CPU time that the
    process used after the epoch, while another trained; `foreign_cpu_fraction` is the share of all
    usable cores' time during the turn that neither this process, with what it started, nor the
    conductor used; `throttled_periods` are those of the turn in which a CPU quota was used up.
    """

    train_seconds: float
    validation_seconds: float
    train_cpu_seconds: float | None
    loss: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    turn: int | None = None
    machine: MachineState | None = None
    waiting_cpu_seconds: float | None = None
    foreign_cpu_fraction: float | None = None
    throttled_periods: int | None = None
    gpus: tuple[GpuState, ...] = ()
    validation_mean_absolute_error: float | None = None


class Phases(msgspec.Struct, frozen=True, rename={"import_": "import"}):
    """Where the wall time of the worker's process went, in seconds; the parts are the whole.

    `waiting`: another worker trained, or the core looked on (work left over, audit); `other`: what
    no phase claims, the interpreter's start among it; `further`: epochs beyond the protocol's.
    """

    young_fields: ClassVar = ("further",)

    import_: float
    data: float
    build: float
    first_epoch: float
    steady_epochs: float
    validation: float
    evaluate: float
    predict: float
    waiting: float
    other: float
    total: float
    further: float = 0.0


class FinalScore(msgspec.Struct, frozen=True):
    """What `Trainer.evaluate` said of the test samples; of made-up ones both metrics are null.

    `accuracy` is a fraction; a task of values has a `mean_absolute_error` in its place.
    """

    loss: float | None
    accuracy: float | None
    image_count: int
    mean_absolute_error: float | None = None

    @property
    def metric(self) -> float | None:
        """The task's metric: the accuracy, or the mean absolute error."""
        return self.accuracy if self.mean_absolute_error is None else self.mean_absolute_error


class Check(msgspec.Struct, frozen=True):
    """One thing that must hold. `passed` is null where it could not apply, `observed` says why."""

    name: str
    passed: bool | None
    expected: str
    observed: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run, for good. Written once by `run.store`, read by everything above it.

    `remarks`: for readers of its data. `replaces_blocks`: earlier blocks that lost a run of this
    model, which ran again in this. `test` and `checks` are of the protocol's last epoch.
    """

    young_fields: ClassVar = ("further_epochs", "audit")

    schema: int = SCHEMA
    run_id: str
    session_id: str
    block: int
    status: Status
    error: str | None = None
    traceback: str | None = None
    log: str | None = None
    backend: str
    division: str
    variant: Variant | None = None
    model: str
    dataset: str
    device: str | None
    threads: int
    seed: int
    order_seed: int | None = None
    stopping: Stopping | None = None
    replaces_blocks: tuple[int, ...] = ()
    further_epochs: int = 0
    spec: ModelSpec
    protocol: TrainingProtocol
    spec_sha256: str
    dataset_sha256: str | None = None
    remarks: tuple[str, ...] = ()
    train_image_count: int | None = None
    validation_image_count: int | None = None
    standardization: Standardization | None = None
    characters: str | None = None
    parameter_count: int | None = None
    parameter_shapes: tuple[Shape, ...] | None = None
    epochs: tuple[EpochRecord, ...] = ()
    phases: Phases | None = None
    test: FinalScore | None = None
    checks: tuple[Check, ...] = ()
    certificate: Certificate | None = None
    uncertified: str | None = None
    audit: Audit | None = None
    settings: dict[str, Setting] = {}
    versions: dict[str, str] = {}
    environment: dict[str, str] = {}
    machine: Machine
    card: Card | None = None
    threads_observed: float | None = None
    peak_memory_bytes: int | None = None
    device_peak_memory_bytes: int | None = None
    started: str
    finished: str
