"""A session that was interrupted, or lost a run, goes on: what is lacking is run, and no more.

A block that lost a run of a model is run again with all the cells of that model, interleaved, under
a new number, so that every ratio stays a paired one. The records of the lost block stay; they say
no more in comparisons, because the new ones name it (`RunRecord.replaces_blocks`).
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from benchbench.compare.contrast import CellName, cell_name
from benchbench.compare.whole import standing
from benchbench.data.catalog import name_to_choose
from benchbench.errors import DataError, UsageError
from benchbench.experiments.executors import find_executor
from benchbench.experiments.listener import Listener
from benchbench.experiments.matrix import records_told, run_to_the_end
from benchbench.experiments.saved_plan import SavedPlan, load_plan, must_be_the_same_here
from benchbench.experiments.session import find_dataset
from benchbench.plugins.plugin_files import announce
from benchbench.plugins.registry import Registry, load_registry
from benchbench.records import DatasetChoice, RunRecord
from benchbench.run.plan import Cell, Session
from benchbench.run.store import Store


class Unit(NamedTuple):
    """Cells that are to run together, as the block `number`, perhaps in the place of another."""

    number: int
    replaces: tuple[int, ...]
    cells: tuple[Cell, ...]


def resume(session_id: str, store: Store, listener: Listener) -> tuple[SavedPlan, list[RunRecord]]:
    """Run what a session lacks; return its plan, and all its records.

    Raises UsageError for a session that is unknown or whole, or that was planned on another machine
    or for other versions, DataError for data that changed.
    """
    plan = load_plan(store, session_id)
    for path in plan.plugin_files:
        announce(path)
    registry = load_registry()
    must_be_the_same_here(plan, registry)
    records = store.session(session_id)
    units = lacking(plan, records)
    if not units and plan.until is None:
        raise UsageError(
            f"the session {session_id} is whole: each of its {plan.blocks} blocks has a good run "
            f"of every cell; there is nothing to resume"
        )
    executor = find_executor(plan.executor, registry)
    session = msgspec.structs.replace(plan.session, dataset=_same_data(plan, registry, listener))
    plan = msgspec.structs.replace(plan, session=session)
    store.prepare()

    def run_units(units: Iterable[Unit]) -> Iterator[RunRecord]:
        for unit in units:
            listener.note(_told(unit))
            part = msgspec.structs.replace(session, cells=unit.cells, replaces_blocks=unit.replaces)
            yield from executor.run(
                part,
                [unit.number],
                store=store,
                listener=listener,
                timeout_seconds=plan.timeout_seconds,
            )

    with records_told(store, session_id):
        records += run_units(units)
        if plan.until:

            def run_block(_numbers: Iterable[int]) -> Iterator[RunRecord]:
                for record in run_units(_further(plan, records)):
                    records.append(record)
                    yield record

            run_to_the_end(plan, run_block, listener, before=tuple(records))
    return plan, store.session(session_id)


def lacking(plan: SavedPlan, records: Sequence[RunRecord]) -> list[Unit]:
    """Return what is to run so that every model has all its blocks, each whole."""
    blocks = {model: _Blocks(plan.session, model, records) for model in _models(plan.session)}
    wanted = max((len(one.standing) for one in blocks.values()), default=0)
    wanted = wanted if plan.until else plan.blocks
    found: list[tuple[str, int, tuple[int, ...]]] = []
    for model, one in blocks.items():
        numbers = itertools.count(one.next_number)
        found += [(model, next(numbers), ()) for _ in range(wanted - len(one.standing))]
        found += [(model, next(numbers), lost) for lost in one.broken]
    return _units(plan.session, found)


def _further(plan: SavedPlan, records: Sequence[RunRecord]) -> list[Unit]:
    """Return one block more of every model."""
    models = _models(plan.session)
    numbers = [_Blocks(plan.session, model, records).next_number for model in models]
    return _units(plan.session, [(*one, ()) for one in zip(models, numbers, strict=True)])


class _Blocks:
    """The blocks that a session had of one model."""

    def __init__(self, session: Session, model: str, records: Sequence[RunRecord]) -> None:
        cells = {
            CellName(one.backend, one.division, one.variant.label if one.variant else "")
            for one in session.cells
            if one.model.name == model
        }
        own = [record for record in records if record.model == model]
        by_block: defaultdict[int, list[RunRecord]] = defaultdict(list)
        for record in standing(own):
            by_block[record.block].append(record)
        self.standing = frozenset(by_block)
        # A block that broke may itself have been there for others.
        self.broken = [
            (*sorted({lost for run in runs for lost in run.replaces_blocks}), number)
            for number, runs in sorted(by_block.items())
            if Counter(cell_name(run) for run in runs if run.status in {"ok", "skipped"})
            != Counter(cells)
        ]
        self.next_number = max((record.block for record in own), default=-1) + 1


def _units(session: Session, wanted: Iterable[tuple[str, int, tuple[int, ...]]]) -> list[Unit]:
    """Put models together that are to run a block of the same number for the same reason."""
    models: defaultdict[tuple[int, tuple[int, ...]], set[str]] = defaultdict(set)
    for model, number, replaces in wanted:
        models[number, replaces].add(model)
    return [
        Unit(*key, tuple(cell for cell in session.cells if cell.model.name in models[key]))
        for key in sorted(models, key=lambda key: key[0])
    ]


def _models(session: Session) -> list[str]:
    return list(dict.fromkeys(cell.model.name for cell in session.cells))


def _told(unit: Unit) -> str:
    models = ", ".join(dict.fromkeys(cell.model.name for cell in unit.cells))
    lost = " and ".join(map(str, unit.replaces))
    place = f", in the place of block {lost}" if lost else ""
    return f"block {unit.number}{place}: {len(unit.cells)} runs of {models}"


def _same_data(plan: SavedPlan, registry: Registry, listener: Listener) -> DatasetChoice:
    """Find the session's data set again, where it is now. Raises DataError if it is another."""
    planned = plan.session.dataset
    models = list(dict.fromkeys(cell.model for cell in plan.session.cells))
    found = find_dataset(
        name_to_choose(planned, registry.datasets),
        registry,
        models,
        note=listener.note,
        quick=planned.quick,
    )
    if found.sha256 != planned.sha256:
        raise DataError(
            f"the data set '{planned.name}' is not that of the session {plan.session.session_id}: "
            f"expected SHA-256 {planned.sha256}, but it is {found.sha256}; run a new session"
        )
    return msgspec.structs.replace(planned, location=found.location)
