"""A matrix of cells, certified, then run block by block: `benchbench run`, `benchbench.run`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchbench.certificates import Certificate
from benchbench.compare.comparison import Comparison, compare, steady_half_width
from benchbench.compare.contrast import Question
from benchbench.data.catalog import Chosen
from benchbench.errors import UsageError
from benchbench.experiments.certification import certify_cells
from benchbench.experiments.executors import Executor, LocalExecutor
from benchbench.experiments.listener import Listener
from benchbench.experiments.session import exceeds
from benchbench.measure.clock import now_ns
from benchbench.plugins.registry import Registry
from benchbench.records import RunRecord
from benchbench.run.plan import LIVE_WORKERS, Cell, Group, Session
from benchbench.run.store import Store
from benchbench.spec.protocol import TrainingProtocol

# Two have an interval, but one so wide that it says nothing.
_LEAST_BLOCKS = 3


@dataclass(frozen=True, kw_only=True)
class Until:
    """Go on until every steady ratio is known within `width`, a fraction.

    No block is begun that would probably end after `budget_seconds`.
    """

    width: float
    budget_seconds: float


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is to be run: every cell in every block, block b with seed + b.

    `certified_protocol` is the protocol for certificates, None for a run without them, which
    `not_certified` gives the reason for.
    `timeout_seconds` of work are given to each run, and to each certification. `question` is what
    the runs are to answer, where blocks go on until they do.
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
    )
    run_blocks = functools.partial(
        (executor or LocalExecutor()).run,
        session,
        store=store,
        listener=listener,
        timeout_seconds=matrix.timeout_seconds,
    )
    if matrix.until:
        return session.session_id, _run_until(matrix, run_blocks, listener)
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


def _run_until(
    matrix: Matrix, run_blocks: Callable[[Iterable[int]], Iterator[RunRecord]], listener: Listener
) -> list[RunRecord]:
    """Run block after block until every steady ratio is known so well.

    Stops by the width of the intervals alone, wherever they lie: to stop on a verdict would be to
    choose it.
    """
    assert matrix.until is not None  # noqa: S101 - the caller has looked
    until, certified = matrix.until, matrix.certified_protocol is not None
    started = now_ns()
    records: list[RunRecord] = []
    for number in itertools.count():
        records += run_blocks([number])
        spent = (now_ns() - started) / 1e9
        found = compare(records, matrix.question, certified=certified)
        if lost := _lost(found, matrix.question):
            listener.note(f"no further block: {lost}; --allow-lost-blocks goes on without")
            break
        reached = steady_half_width(found)
        progress = "no interval yet" if reached is None else f"intervals within {reached:.1%}"
        listener.note(f"block {number}: {progress}, {spent:.0f} s spent")
        if number + 1 < max(matrix.blocks, _LEAST_BLOCKS):
            continue
        if reached is None:
            listener.note("a ratio has no interval even now; `benchbench compare` says why")
            break
        if reached <= until.width:
            break
        if exceeds(until.budget_seconds, spent, number + 1):
            listener.note(
                f"the budget of {until.budget_seconds:.0f} s is spent before every interval is "
                f"within {until.width:.3g}; --budget gives more"
            )
            break
    return records


def _lost(found: Iterable[Comparison], question: Question) -> str | None:
    """Return the first loss that keeps a verdict back, however many blocks are added."""
    if question.allow_lost_blocks:
        return None
    losses = (lost for one in found for row in one.contrasts for lost in row.left_out)
    return next(losses, None)
