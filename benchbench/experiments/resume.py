"""A session that was interrupted, or lost a run, goes on: what is lacking is run, and no more.

A block that lost a run of a model is run again with all the cells of that model, interleaved, under
a new number, so that every ratio stays a paired one. The records of the lost block stay; they say
no more in comparisons, because the new ones name it (`RunRecord.replaces_blocks`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from benchbench.data.catalog import name_to_choose
from benchbench.errors import DataError, UsageError
from benchbench.experiments.blocks import run_laid_out
from benchbench.experiments.endings import must_have_records, records_told
from benchbench.experiments.executors import Executor, find_executor
from benchbench.experiments.fleet.executor import FleetExecutor
from benchbench.experiments.listener import Listener
from benchbench.experiments.matrix import run_to_the_end
from benchbench.experiments.saved_plan import SavedPlan, load_plan, must_be_the_same_here
from benchbench.experiments.session import find_dataset
from benchbench.experiments.units import Unit, further, lacking, sentence
from benchbench.plugins.plugin_files import announce
from benchbench.plugins.registry import Registry, load_registry
from benchbench.records import DatasetChoice, RunRecord
from benchbench.run.store import Store

__all__ = ["lacking", "resume"]


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
    executor = find_executor(plan.executor, registry, plan.executor_options)
    if isinstance(executor, FleetExecutor):
        with records_told(store, session_id):
            if not executor.go_on(plan, store, listener):
                raise _is_whole(plan)
        must_have_records(plan, store, store.session(session_id))
    else:
        _go_on_here(plan, executor, registry, store, listener)
    return plan, store.session(session_id)


def _is_whole(plan: SavedPlan) -> UsageError:
    return UsageError(
        f"the session {plan.session.session_id} is whole: each of its {plan.blocks} blocks has a "
        f"good run of every cell; there is nothing to resume"
    )


def _go_on_here(
    plan: SavedPlan, executor: Executor, registry: Registry, store: Store, listener: Listener
) -> None:
    """Run what is lacking, unit after unit, and, where a rule says how many, further blocks."""
    session_id = plan.session.session_id
    records = store.session(session_id)
    units = lacking(plan, records)
    if not units and plan.until is None:
        raise _is_whole(plan)
    session = msgspec.structs.replace(plan.session, dataset=_same_data(plan, registry, listener))
    plan = msgspec.structs.replace(plan, session=session)
    store.prepare()

    def run_units(units: Iterable[Unit]) -> Iterator[RunRecord]:
        for unit in units:
            listener.note(sentence(unit))
            part = msgspec.structs.replace(session, cells=unit.cells, replaces_blocks=unit.replaces)
            yield from run_laid_out(
                plan, executor, [unit.number], store=store, listener=listener, session=part
            )

    with records_told(store, session_id):
        records += run_units(units)
        if plan.until:

            def run_block(_: int, models: Collection[str] | None) -> Iterator[RunRecord]:
                for record in run_units(further(plan, records, models)):
                    records.append(record)
                    yield record

            run_to_the_end(plan, run_block, listener, before=tuple(records))


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
