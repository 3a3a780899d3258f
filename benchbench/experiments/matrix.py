"""A matrix of cells, certified, then run block by block: `benchbench run`, `benchbench.run`."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchbench.certificates import CertificateOrReason
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.compare.whole import standing
from benchbench.data.chosen import Chosen
from benchbench.errors import UsageError
from benchbench.experiments.blocks import run_laid_out
from benchbench.experiments.certified_cells import certify_cells
from benchbench.experiments.endings import SessionDetached, must_have_records, records_told
from benchbench.experiments.executors import Executor, find_executor
from benchbench.experiments.fleet.executor import FleetExecutor
from benchbench.experiments.listener import Listener
from benchbench.experiments.names import LOCAL
from benchbench.experiments.saved_plan import (
    MOST_BLOCKS,
    SavedPlan,
    save_plan,
    sources_here,
    versions_here,
)
from benchbench.experiments.selection import find_processors
from benchbench.experiments.steady import AUTO, Steady, with_steady
from benchbench.experiments.units import Unit
from benchbench.experiments.until import RunBlock, Until, run_until
from benchbench.measure.quiet import await_quiet
from benchbench.plugins.registry import Registry
from benchbench.quantities import counted
from benchbench.records import RunRecord
from benchbench.run.plan import Cell, Group, Session
from benchbench.run.store import Store
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is to be run: every cell in every block, block b with seed + b.

    `threads` are as asked for, None for the physical cores of the machine that runs a block.
    `certified_protocol` is the protocol for certificates, None for a run without them, which
    `not_certified` gives the reason for.
    `steady` is how many steady epochs a run trains, where more than the protocol's (`find_steady`).
    `timeout_seconds` of work are given to each run, and to each certification. `question` is what
    the runs are to answer, where blocks go on until they do. `quiet_seconds` is how long to wait
    before the first block for a machine with nothing else at work; None does not wait. `executor`
    is the name of what runs the blocks, `executor_options` are for it; `detach` leaves them to run
    when the command has ended. `include_host`: records name the machine.
    """

    cells: Sequence[Cell]
    protocol: TrainingProtocol
    certified_protocol: TrainingProtocol | None
    dataset: Chosen
    device: str
    threads: int | None
    seed: int
    blocks: int
    until: Until | None
    timeout_seconds: float
    steady: Steady | None = None
    question: Question = field(default_factory=Question)
    quiet_seconds: float | None = None
    executor: str = LOCAL
    executor_options: str | None = None
    detach: bool = False
    include_host: bool = False
    not_certified: str = "--no-certify was given"

    def __post_init__(self) -> None:
        if not 1 <= self.blocks <= MOST_BLOCKS:
            raise UsageError(
                f"expected a matrix of 1 to {MOST_BLOCKS:,} blocks, but blocks={self.blocks}; "
                f"split more over several sessions"
            )
        if self.until and len(self.cells) == len({cell.model for cell in self.cells}):
            raise UsageError(
                "--until needs two cells of a model to compare, but every model has one here; "
                "name another --backend, or --division all"
            )


def run_matrix(
    matrix: Matrix, registry: Registry, store: Store, listener: Listener
) -> tuple[str, list[RunRecord]]:
    """Certify the cells, run them, save each record; return the session's id and the records.

    What is planned is saved first: `resume` goes on from there. Raises SessionInterrupted for what
    interrupts the blocks, SessionDetached where they are left to run.
    """
    executor = find_executor(matrix.executor, registry, matrix.executor_options)
    fleet = executor if isinstance(executor, FleetExecutor) else None
    _must_make_sense(matrix, fleet)
    plan = _planned(matrix, fleet, registry, listener)
    session_id = plan.session.session_id
    if fleet:
        return session_id, _run_elsewhere(fleet, plan, matrix, store, listener)
    save_plan(store, plan)
    with records_told(store, session_id):
        if matrix.quiet_seconds is not None:
            waited = await_quiet(matrix.quiet_seconds)
            listener.note(
                waited.sentence if waited else "whether the machine is quiet is not known"
            )
        return session_id, _run_here(plan, executor, store, listener)


def _planned(
    matrix: Matrix, fleet: FleetExecutor | None, registry: Registry, listener: Listener
) -> SavedPlan:
    """Certify the cells, unless other machines do; return what is to be run, and with what."""
    # Where other machines run the blocks, they choose processors, and certify: each its own kind.
    threads, cpus = (matrix.threads or 0, None) if fleet else find_processors(matrix.threads)
    certified_there = fleet is not None and matrix.certified_protocol is not None
    certificates = {} if certified_there else _certified(matrix, threads, cpus, registry, listener)
    session = Session(
        cells=tuple(matrix.cells),
        protocol=matrix.protocol,
        dataset=matrix.dataset,
        device=matrix.device,
        threads=threads,
        cpus=cpus,
        seed=matrix.seed,
        certificates=tuple(certificates.items()),
        stopping=matrix.until.stopping if matrix.until else None,
        audited_blocks=matrix.blocks if matrix.certified_protocol else 0,
        include_host=matrix.include_host,
    )
    if isinstance(matrix.steady, int):
        session = with_steady(session, matrix.steady)
    return SavedPlan(
        session=session,
        blocks=matrix.blocks,
        until=matrix.until,
        steady=matrix.steady,
        question=matrix.question,
        certified=matrix.certified_protocol is not None,
        executor=matrix.executor,
        timeout_seconds=matrix.timeout_seconds,
        versions=versions_here(session, registry),
        sources=sources_here(session, registry),
        executor_options=fleet.options if fleet else None,
        certified_protocol=matrix.certified_protocol if certified_there else None,
    )


def _run_here(
    plan: SavedPlan, executor: Executor, store: Store, listener: Listener
) -> list[RunRecord]:
    """Have the blocks run on this machine, until the plan's rule is met where it has one."""
    run_blocks = functools.partial(run_laid_out, plan, executor, store=store, listener=listener)
    if plan.until is None:
        _announce(plan.session.blocks(plan.blocks), listener)
        return list(run_blocks(range(plan.blocks)))

    def run_block(number: int, models: Collection[str] | None) -> Iterator[RunRecord]:
        return run_blocks([number], models=models)

    return run_to_the_end(plan, run_block, listener)


def _must_make_sense(matrix: Matrix, fleet: FleetExecutor | None) -> None:
    """Raise UsageError for options that do not go with where the blocks run."""
    if fleet is None and matrix.detach:
        raise UsageError(
            f"--detach: blocks of the executor '{matrix.executor}' end with the command; it goes "
            f"with --executor slurm"
        )
    if fleet and matrix.detach:
        fleet.must_detach()
    if fleet and matrix.steady == AUTO:
        raise UsageError(
            f"--steady-epochs auto lays out later blocks by the first, and nodes run them at once: "
            f"with --executor {matrix.executor} give a number"
        )
    if fleet and matrix.until:
        raise UsageError(
            f"--until looks after each block, and all nodes but one would be idle: with --executor "
            f"{matrix.executor} say how many with --blocks"
        )
    if fleet and matrix.quiet_seconds is not None:
        raise UsageError(
            f"--wait-for-quiet looks at this machine, and with --executor {matrix.executor} no "
            f"block runs here: leave it out"
        )


def _run_elsewhere(
    fleet: FleetExecutor, plan: SavedPlan, matrix: Matrix, store: Store, listener: Listener
) -> list[RunRecord]:
    """Have the blocks run by an engine; return the records. Raises SessionDetached."""
    session = plan.session
    fleet.check(plan, store, plan.blocks)
    save_plan(store, plan)
    units = [Unit(number, (), session.cells) for number in range(plan.blocks)]
    listener.note(
        f"session {session.session_id}: to {matrix.executor} go {counted(plan.blocks, 'block')} of "
        f"{counted(len(session.cells), 'run')}"
    )
    if matrix.detach:
        fleet.detach(plan, units, store, listener)
        raise SessionDetached(session.session_id)
    with records_told(store, session.session_id):
        records = list(fleet.run_units(plan, units, store, listener))
    must_have_records(plan, store, records)
    return records


def run_to_the_end(
    plan: SavedPlan,
    run_block: RunBlock,
    listener: Listener,
    before: Sequence[RunRecord] = (),
) -> list[RunRecord]:
    """Run blocks until the plan's rule is met; `before` are the records of earlier blocks."""
    assert plan.until is not None, "the number of blocks was given"  # noqa: S101 - for the types
    look = functools.partial(compare, question=plan.question, certified=plan.certified)
    # A block that was run again may have another number for each model.
    by_model = Counter(model for model, _ in {(one.model, one.block) for one in standing(before)})
    return run_until(
        *(plan.until, plan.question, run_block, look, listener),
        before=before,
        blocks_before=max(by_model.values(), default=0),
    )


def _certified(
    matrix: Matrix,
    threads: int,
    cpus: tuple[int, ...] | None,
    registry: Registry,
    listener: Listener,
) -> Mapping[Cell, CertificateOrReason]:
    if matrix.certified_protocol is None:
        return dict.fromkeys(matrix.cells, CertificateOrReason(reason=matrix.not_certified))
    return certify_cells(
        matrix.cells,
        matrix.certified_protocol,
        registry,
        device=matrix.device,
        threads=threads,
        cpus=cpus,
        timeout_seconds=matrix.timeout_seconds,
        certified=listener.certified,
        heard=listener.certifying,
    )


def _announce(groups: Sequence[Group], listener: Listener) -> None:
    if len(groups) > 1:
        listener.note(
            f"{sum(len(group.runs) for group in groups)} runs in {len(groups)} groups, one group "
            f"after another; the runs of a group alternate epoch by epoch, so only one trains at a "
            f"time"
        )
