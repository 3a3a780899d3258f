"""What comes back of a block: its records, or why it is lost, and that of every run in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from benchbench.errors import StoreError
from benchbench.experiments.fleet.engine import JobState
from benchbench.experiments.fleet.messages import BlockAnswer, Order
from benchbench.experiments.fleet.order_book import Lost, OrderBook
from benchbench.experiments.listener import Listener
from benchbench.experiments.units import Unit, broken_models, units_of
from benchbench.files import is_there
from benchbench.measure.clock import now_ns
from benchbench.quantities import counted
from benchbench.records import RunRecord
from benchbench.run.messages import GaveUp
from benchbench.run.part import Part
from benchbench.run.plan import PlannedRun, Session
from benchbench.run.reading import read_record
from benchbench.run.store import Store

# A file that another machine has written may be seen so much later on a network's file system.
_VISIBLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken in of a block: its records, and, where it is lost, why.

    `broken` are the models that lack a good run; `elsewhere`, another node may do better.
    """

    records: Sequence[RunRecord]
    node: str
    lost: str = ""
    elsewhere: bool = False
    broken: Sequence[str] = ()


class Intake:
    """Takes in the blocks of one session."""

    def __init__(self, session: Session, store: Store, book: OrderBook, listener: Listener) -> None:
        self._session = session
        self._store = store
        self._book = book
        self._listener = listener
        self._awaited: dict[int, int] = {}
        self._next: dict[str, int] = {}

    def take(self, order: Order, state: JobState, job: str) -> Taken | None:
        """Return what came of a job that has ended; None while its answer may still come."""
        answer = state.answer or self._book.answer(order.key)
        if answer is None and not state.reason and self._may_still_come(order.key):
            return None
        begun = self._book.begun(order.key)
        node = answer.node if answer else state.node or (begun.node if begun else "")
        if answer is not None and state.answer is not None:
            self._save(order, answer)
        planned = self._planned(order)
        records = [record for run, _ in planned if (record := self._record(run)) is not None]
        lost, elsewhere = self._why_lost(order, state, answer, len(planned) - len(records), job)
        # One that was stopped after its last run lacks nothing.
        if not lost or not broken_models(self._session, records, order.models):
            good = sum(record.status == "ok" for record in records)
            self._listener.note(
                f"block {order.number}: done on {node}, {counted(len(records), 'run')}, {good} ok"
            )
            return Taken(records, node)
        records += self._lost_records(order, planned, records, f"the block is lost: {lost}")
        broken = broken_models(self._session, records, order.models)
        return Taken(records, node, lost, elsewhere, broken)

    def lose(
        self, order: Order, reason: str, *, node: str = "", redone: Order | None = None
    ) -> None:
        """Write a block down as lost, and say so."""
        self._book.lose(
            order.key, Lost(reason=reason, node=node, redone=redone.key if redone else None)
        )
        where = f" on {node}" if node else ""
        again = f"; it is done again, as block {redone.number}" if redone else ""
        self._listener.note(f"block {order.number}: LOST{where}: {reason}{again}")

    def replacements(
        self, order: Order, models: Sequence[str], orders: Iterable[Order]
    ) -> list[Unit]:
        """Return what is to run in the place of a block, under numbers that no block has."""
        if not self._next:
            for one in orders:
                for model in one.models:
                    self._next[model] = max(self._next.get(model, 0), one.number + 1)
        wanted = []
        for model in models:
            number = self._next[model]
            self._next[model] = number + 1
            wanted.append((model, number, (*order.replaces, order.number)))
        return units_of(self._session, wanted)

    def _why_lost(
        self, order: Order, state: JobState, answer: BlockAnswer | None, missing: int, job: str
    ) -> tuple[str, bool]:
        """Return why a block is lost, an empty string if it is not; and if another node may do."""
        if answer is None:
            words = self._book.last_words(job)
            said = f" (its log ends: {words})" if words else ""
            reason = state.reason or (
                f"its job ended without an answer: does its node see {self._book.folder}?"
            )
            return f"{reason}{said}", state.elsewhere
        for remark in answer.remarks:
            self._listener.note(f"block {order.number}: {remark}")
        if answer.ending == "ended":
            return state.reason or answer.trouble, state.elsewhere
        if answer.ending != "done":
            return answer.trouble, answer.ending == "unfit"
        if missing:
            return f"{missing} of its records are not in {self._store.folder}", True
        return "", False

    def _may_still_come(self, key: int) -> bool:
        since = self._awaited.setdefault(key, now_ns())
        return now_ns() - since < _VISIBLE_SECONDS * 1e9

    def _planned(self, order: Order) -> list[tuple[PlannedRun, int]]:
        """Return the runs of a block as its node laid them out, each with its order seed."""
        begun = self._book.begun(order.key)
        part = msgspec.structs.replace(
            self._session,
            cells=tuple(one for one in self._session.cells if one.model.name in order.models),
            replaces_blocks=order.replaces,
            threads=begun.threads if begun else self._session.threads,
        )
        return [(run, group.order_seed) for group in part.block(order.number) for run in group.runs]

    def _record(self, run: PlannedRun) -> RunRecord | None:
        with suppress(StoreError):
            return read_record(self._store.path(run.request.run_id))
        return None

    def _save(self, order: Order, answer: BlockAnswer) -> None:
        """Save the records that came with an answer; of two of one run the first stays."""
        for record in answer.records:
            if is_there(self._store.path(record.run_id)):
                told = f"a second record of {record.run_id} came, and is left out"
                self._listener.note(f"block {order.number}: {told}")
                continue
            self._store.save(record)
            if record.log and record.run_id in answer.logs:
                with suppress(OSError):
                    self._store.log_path(record.run_id).write_text(answer.logs[record.run_id])
        plain = msgspec.structs.replace(answer, records=(), logs={})
        with suppress(OSError):
            self._book.leave(order.key, plain)

    def _lost_records(
        self,
        order: Order,
        planned: Sequence[tuple[PlannedRun, int]],
        saved: Sequence[RunRecord],
        reason: str,
    ) -> list[RunRecord]:
        """Save a record of every run that was lost with its block, where the machine is known."""
        begun = self._book.begun(order.key)
        if begun is None:
            return []
        there = {record.run_id for record in saved}
        records = []
        for run, order_seed in planned:
            if run.request.run_id in there or is_there(self._store.path(run.request.run_id)):
                continue
            part = Part(run, order_seed, begun.machine)
            part.hear(GaveUp("crashed", reason))
            record = msgspec.structs.replace(part.record(self._store), started=begun.started)
            with suppress(StoreError):
                self._store.save(record)
                records.append(record)
        return records
