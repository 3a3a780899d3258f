"""A matrix of cells, certified, then run block by block: `benchbench run`, `benchbench.run`."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchbench.certificates import Certificate
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.data.catalog import Chosen
from benchbench.errors import UsageError
from benchbench.experiments.certification import certify_cells
from benchbench.experiments.executors import Executor, LocalExecutor
from benchbench.experiments.listener import Listener
from benchbench.experiments.until import Until, run_until
from benchbench.measure.quiet import await_quiet
from benchbench.plugins.registry import Registry
from benchbench.records import RunRecord
from benchbench.run.plan import LIVE_WORKERS, Cell, Group, Session
from benchbench.run.store import Store
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is to be run: every cell in every block, block b with seed + b.

    `certified_protocol` is the protocol for certificates, None for a run without them, which
    `not_certified` gives the reason for.
    `timeout_seconds` of work are given to each run, and to each certification. `question` is what
    the runs are to answer, where blocks go on until they do. `quiet_seconds` is how long to wait
    before the first block for a machine with nothing else at work; None does not wait.
    """

    cells: Sequence[Cell]
    protocol: TrainingProtocol
    certified_protocol: TrainingProtocol | None
    dataset: Chosen
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seed: int
    blocks: int
    until: Until | None
    timeout_seconds: float
    question: Question = field(default_factory=Question)
    quiet_seconds: float | None = None
    not_certified: str = "--no-certify was given"

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise UsageError(f"a matrix has at least 1 block, but blocks={self.blocks}")
        if self.until and len(self.cells) == len({cell.model for cell in self.cells}):
            raise UsageError(
                "--until needs two cells of a model to compare, but every model has one here; "
                "name another --backend, or --division all"
            )


def run_matrix(
    matrix: Matrix,
    registry: Registry,
    store: Store,
    listener: Listener,
    executor: Executor | None = None,
) -> tuple[str, list[RunRecord]]:
    """Certify the cells, run them, save each record; return the session's id and the records.

    The blocks run where `executor` says, by default on this machine.
    """
    session = Session(
        cells=tuple(matrix.cells),
        protocol=matrix.protocol,
        dataset=matrix.dataset,
        device=matrix.device,
        threads=matrix.threads,
        cpus=matrix.cpus,
        seed=matrix.seed,
        certificates=tuple(_certificates(matrix, registry, listener).items()),
        stopping=matrix.until.stopping if matrix.until else None,
    )
    run_blocks = functools.partial(
        (executor or LocalExecutor()).run,
        session,
        store=store,
        listener=listener,
        timeout_seconds=matrix.timeout_seconds,
    )
    if matrix.quiet_seconds is not None:
        waited = await_quiet(matrix.quiet_seconds)
        listener.note(waited.sentence if waited else "whether the machine is quiet is not known")
    if matrix.until:
        look = functools.partial(
            compare, question=matrix.question, certified=matrix.certified_protocol is not None
        )
        records = run_until(matrix.until, matrix.question, run_blocks, look, listener)
        return session.session_id, records
    _announce(session.blocks(matrix.blocks), listener)
    return session.session_id, list(run_blocks(range(matrix.blocks)))


def _certificates(
    matrix: Matrix, registry: Registry, listener: Listener
) -> Mapping[Cell, Certificate | str]:
    if matrix.certified_protocol is None:
        return dict.fromkeys(matrix.cells, matrix.not_certified)
    return certify_cells(
        matrix.cells,
        matrix.certified_protocol,
        registry,
        device=matrix.device,
        threads=matrix.threads,
        cpus=matrix.cpus,
        timeout_seconds=matrix.timeout_seconds,
        certified=listener.certified,
    )


def _announce(groups: Sequence[Group], listener: Listener) -> None:
    if len(groups) > 1:
        listener.note(
            f"{sum(len(group.runs) for group in groups)} runs in {len(groups)} groups, one after "
            f"another; the runs of a group take turns (at most {LIVE_WORKERS} workers alive at "
            f"once)"
        )
