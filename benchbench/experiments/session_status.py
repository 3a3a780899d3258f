"""How far a session has come, block by block, and its end before its time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from benchbench.errors import BenchbenchError, UsageError
from benchbench.experiments.executors import find_executor
from benchbench.experiments.fleet.engine import EngineSilent, JobState
from benchbench.experiments.fleet.executor import FleetExecutor
from benchbench.experiments.fleet.messages import Order
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.listener import Listener
from benchbench.experiments.saved_plan import SavedPlan, load_plan
from benchbench.experiments.units import lacking
from benchbench.plugins.registry import load_registry
from benchbench.records import RunRecord
from benchbench.run.store import Store


class BlockStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a block stands: waiting, running, done, or lost, with the reason for it.

    `again_as` is the block that is done in the place of a lost one.
    """

    block: int
    state: str
    node: str = ""
    good_runs: int = 0
    runs: int = 0
    reason: str = ""
    again_as: int | None = None


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session stands. `lacking`: so many blocks are to run yet, or again."""

    session_id: str
    executor: str
    wanted: int
    lacking: int
    blocks: tuple[BlockStatus, ...]
    silent: str = ""

    def count(self, state: str) -> int:
        """Return how many blocks are in a state."""
        return sum(one.state == state for one in self.blocks)


def status(session_id: str, store: Store) -> SessionStatus:
    """Look where each block of a session stands. Raises UsageError for an unknown session."""
    plan = load_plan(store, session_id)
    book = OrderBook(store, session_id)
    orders = book.orders()
    records = store.session(session_id)
    states, silent = _states(plan, store) if orders else ({}, "")
    if orders:
        blocks = list(_of_orders(plan, book, orders, records, states))
    else:
        blocks = list(_of_records(plan, records))
    under_way = sum(one.state in {"waiting", "running"} for one in blocks)
    open_units = lacking(plan, records, orders.values())
    return SessionStatus(
        session_id=session_id,
        executor=plan.executor,
        wanted=plan.blocks,
        lacking=max(0, len(open_units) - under_way),
        blocks=tuple(blocks),
        silent=silent,
    )


def cancel(session_id: str, store: Store, listener: Listener) -> int:
    """End what is under way of a session; return how many blocks were. Raises BenchbenchError."""
    plan = load_plan(store, session_id)
    executor = find_executor(plan.executor, load_registry(), plan.executor_options)
    if not isinstance(executor, FleetExecutor):
        raise UsageError(
            f"the session {session_id} runs where its command runs (--executor {plan.executor}): "
            f"press Ctrl-C there"
        )
    return executor.cancel(plan, store, listener)


def _states(plan: SavedPlan, store: Store) -> tuple[Mapping[int, JobState], str]:
    """Ask the engine; where it cannot be asked, return why."""
    try:
        executor = find_executor(plan.executor, load_registry(), plan.executor_options)
        if isinstance(executor, FleetExecutor):
            return executor.look(plan, store), ""
    except (BenchbenchError, EngineSilent) as error:
        return {}, str(error)
    return {}, ""


def _of_orders(
    plan: SavedPlan,
    book: OrderBook,
    orders: Mapping[int, Order],
    records: Iterable[RunRecord],
    states: Mapping[int, JobState],
) -> Iterator[BlockStatus]:
    good, cells = _good_runs(records), _cells(plan)
    for key, order in sorted(orders.items()):
        planned = sum(cells[model] for model in order.models)
        runs = sum(good[order.number, model] for model in order.models)
        counts = {"block": order.number, "runs": planned, "good_runs": runs}
        begun, answer, lost = book.begun(key), book.answer(key), book.lost(key)
        node = answer.node if answer else begun.node if begun else ""
        if lost:
            again = None if lost.redone is None else orders[lost.redone].number
            told = {"node": lost.node or node, "reason": lost.reason, "again_as": again}
            yield BlockStatus(state="lost", **counts, **told)  # type: ignore[arg-type]
        elif answer:
            state = "done" if answer.ending == "done" else "lost"
            yield BlockStatus(state=state, node=node, reason=answer.trouble, **counts)
        else:
            job = states.get(key, JobState("running" if begun else "waiting"))
            state = "running" if job.phase == "ended" else job.phase
            yield BlockStatus(state=state, node=job.node or node, reason=job.reason, **counts)


def _of_records(plan: SavedPlan, records: Sequence[RunRecord]) -> Iterator[BlockStatus]:
    """Yield the blocks of a session that runs where its command runs, by what is saved."""
    good, cells = _good_runs(records), _cells(plan)
    begun = {record.block for record in records}
    for number in range(max([plan.blocks - 1, *begun]) + 1):
        runs = sum(good[number, model] for model in cells)
        planned = sum(cells.values())
        state = "done" if runs >= planned else "begun" if number in begun else "not begun"
        yield BlockStatus(block=number, state=state, good_runs=runs, runs=planned)


def _good_runs(records: Iterable[RunRecord]) -> defaultdict[tuple[int, str], int]:
    found: defaultdict[tuple[int, str], int] = defaultdict(int)
    for record in records:
        found[record.block, record.model] += record.status in {"ok", "skipped"}
    return found


def _cells(plan: SavedPlan) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for cell in plan.session.cells:
        found[cell.model.name] += 1
    return dict(found)
