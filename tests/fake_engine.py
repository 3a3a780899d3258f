"""An engine whose nodes are made up: each look brings every busy node's block to its end."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from makers import MACHINE, make_record

from benchbench.errors import UsageError
from benchbench.experiments.fleet.engine import EngineSilent, JobState
from benchbench.experiments.fleet.messages import Begun, BlockAnswer
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.run.store import Store

NOW = "2026-01-02T03:04:50Z"


def made_records(plan, order, node):
    """Make up the records of a block, as its node would save them."""
    session = plan.session
    machine = msgspec.structs.replace(MACHINE, host=node)
    cells = [cell for cell in session.cells if cell.model.name in order.models]
    part = msgspec.structs.replace(
        session, cells=tuple(cells), threads=2, replaces_blocks=order.replaces
    )
    for group in part.block(order.number):
        for run in group.runs:
            yield make_record(
                run_id=run.request.run_id,
                session_id=session.session_id,
                block=order.number,
                backend=run.request.backend,
                model=run.request.model.name,
                dataset=session.dataset.name,
                order_seed=group.order_seed,
                seed=run.request.seed,
                replaces_blocks=order.replaces,
                machine=machine,
            )


@dataclass
class FakeEngine:
    """Nodes by name; `faults` maps a block's number to what befalls it, once.

    `travels`: records come with the answer, else they are saved where the command sees them.
    """

    nodes: tuple[str, ...] = ("n1", "n2")
    faults: dict[int, str] = field(default_factory=dict)
    travels: bool = False
    silent: int = 0
    plan: object = None
    book: OrderBook | None = None
    store: Store | None = None
    waiting: list = field(default_factory=list)
    running: dict = field(default_factory=dict)
    ended: dict = field(default_factory=dict)
    avoided: list = field(default_factory=list)
    ran: list = field(default_factory=list)
    cancelled: list = field(default_factory=list)
    checked: int = 0
    closed: int = 0
    looks: int = 0

    def configure(self, options):
        return options

    def can_detach(self):
        return not self.travels

    def check(self, plan, book, blocks):
        self.checked += 1
        if blocks > 100_000:
            raise UsageError("more blocks than it takes")

    def submit(self, plan, book, orders, *, avoid=()):
        if avoid and not set(self.nodes) - set(avoid):
            raise UsageError("there is no other node")
        self.plan, self.book = plan, book
        self.store = Store(book.folder.parent.parent)
        self.waiting += [(order, frozenset(avoid)) for order in orders]
        self.avoided += list(avoid)
        return {order.key: f"job-{order.key}" for order in orders}

    def look(self, jobs):
        self.looks += 1
        if self.silent:
            self.silent -= 1
            raise EngineSilent("connection refused")
        for node, order in list(self.running.items()):
            del self.running[node]
            self.ended[order.key] = self._finish(order, node)
        self._begin()
        busy = {order.key: node for node, order in self.running.items()}
        gone = JobState("ended", reason="the engine knows its job no longer", elsewhere=True)
        queued = {order.key for order, _ in self.waiting}
        return {
            key: JobState("running", busy[key])
            if key in busy
            else JobState("waiting", reason="Resources")
            if key in queued
            else self.ended.get(key, gone)
            for key in jobs
        }

    def cancel(self, jobs):
        self.cancelled += sorted(jobs)
        stopped = JobState("ended", reason="the job was cancelled")
        self.ended |= {key: stopped for key in jobs if key not in self.ended}
        self.waiting = [one for one in self.waiting if one[0].key not in jobs]
        self.running = {node: one for node, one in self.running.items() if one.key not in jobs}

    def close(self):
        self.closed += 1

    def _begin(self):
        for node in self.nodes:
            if node in self.running:
                continue
            fitting = next((one for one in self.waiting if node not in one[1]), None)
            if fitting is not None:
                self.waiting.remove(fitting)
                self.running[node] = fitting[0]

    def _finish(self, order, node):
        fault = self.faults.pop(order.number, None)
        self.ran.append((order.number, order.models, node))
        records = list(made_records(self.plan, order, node))
        machine = records[0].machine
        begun = Begun(node=node, machine=machine, threads=2, started=NOW)
        if fault not in {"never begun", "other version"}:
            self.book.begin(order.key, begun)
        answer = BlockAnswer(
            node=node,
            ending="done",
            run_ids=tuple(record.run_id for record in records),
            finished=NOW,
        )
        match fault:
            case "node dies":
                return JobState("ended", node, "its node failed (NODE_FAIL)", elsewhere=True)
            case "half":  # one model is whole, then the node dies
                for record in records:
                    if record.model == order.models[0]:
                        self.store.save(record)
                return JobState("ended", node, "its node failed (NODE_FAIL)", elsewhere=True)
            case "time limit" | "cancelled":
                return JobState("ended", node, f"{fault}")
            case "other version":
                answer = msgspec.structs.replace(
                    answer, ending="unfit", trouble="torch was 2, and is 1", run_ids=()
                )
                records = []
            case "never begun":
                return JobState("ended", node, "its node failed (NODE_FAIL)", elsewhere=True)
            case "twice":
                self.store.save(records[0])
        if self.travels:
            answer = msgspec.structs.replace(answer, records=tuple(records))
            return JobState("ended", node, answer=answer)
        for record in records:
            if fault != "twice" or record != records[0]:
                self.store.save(record)
        self.book.leave(order.key, answer)
        return JobState("ended", node)
