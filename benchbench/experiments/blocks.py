"""Blocks one after another, each laid out by those before it where that was asked for."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator

import msgspec

from benchbench.experiments.aims import aims
from benchbench.experiments.executors import Executor
from benchbench.experiments.listener import Listener
from benchbench.experiments.saved_plan import SavedPlan
from benchbench.experiments.steady import AUTO, laid_out, layout_told
from benchbench.records import RunRecord
from benchbench.run.plan import Session
from benchbench.run.store import Store


def run_laid_out(
    plan: SavedPlan,
    executor: Executor,
    numbers: Iterable[int],
    *,
    store: Store,
    listener: Listener,
    session: Session | None = None,
    models: Collection[str] | None = None,
) -> Iterator[RunRecord]:
    """Run blocks of the session (by default the plan's), each laid out by those before it.

    `models` are the names of those that are to run, None for all.
    """
    for number in numbers:
        part = session or plan.session
        if models is not None:
            cells = tuple(cell for cell in part.cells if cell.model.name in models)
            part = msgspec.structs.replace(part, cells=cells)
        if plan.steady == AUTO:
            before = store.session(part.session_id)
            aim_of = functools.partial(aims, plan.until, plan.question, certified=plan.certified)
            part = laid_out(part, before, plan.timeout_seconds, aim_of)
            if told := layout_told(part, number):
                listener.note(told)
        yield from executor.run(
            part, [number], store=store, listener=listener, timeout_seconds=plan.timeout_seconds
        )
