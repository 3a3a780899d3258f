"""Blocks on other machines: what a command does with a session whose blocks an engine runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchbench.errors import UsageError
from benchbench.experiments.blame import told_by_name
from benchbench.experiments.fleet.engine import Engine, JobState
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.fleet.watch import OrderWatch, states_of
from benchbench.experiments.listener import Listener
from benchbench.experiments.saved_plan import SavedPlan, load_plan
from benchbench.experiments.units import Unit, lacking, sentence
from benchbench.records import RunRecord
from benchbench.run.plan import Session
from benchbench.run.store import Store


@dataclass
class FleetExecutor:
    """Runs blocks by an engine, which `owner` names; `options` are as a plan keeps them."""

    engine: Engine
    owner: str
    options: str | None = None
    sleep: Callable[[float], None] = time.sleep

    def check(self, plan: SavedPlan, store: Store, blocks: int) -> None:
        """Find what would go wrong before anything is submitted. Raises BenchbenchError."""
        with told_by_name(self.owner):
            self.engine.check(plan, OrderBook(store, plan.session.session_id), blocks)

    def run(
        self,
        session: Session,
        numbers: Iterable[int],
        *,
        store: Store,
        listener: Listener,
        timeout_seconds: float,
    ) -> Iterator[RunRecord]:
        """Run the blocks of these numbers, whose session has a plan in the store."""
        del timeout_seconds  # it stands in the plan, which goes to the nodes
        plan = load_plan(store, session.session_id)
        units = [Unit(number, session.replaces_blocks, session.cells) for number in numbers]
        yield from self.run_units(plan, units, store, listener)

    def run_units(
        self, plan: SavedPlan, units: Sequence[Unit], store: Store, listener: Listener
    ) -> Iterator[RunRecord]:
        """Hand out units as jobs, and yield the records as they come."""
        with self._watching(plan, store, listener) as watch, watch.cancelled_on_interrupt():
            watch.submit(units)
            yield from watch.until_all_are_settled()

    def detach(
        self, plan: SavedPlan, units: Sequence[Unit], store: Store, listener: Listener
    ) -> None:
        """Hand out units as jobs and leave them to themselves. Raises UsageError."""
        self.must_detach()
        with self._watching(plan, store, listener) as watch, watch.cancelled_on_interrupt():
            watch.submit(units)

    def must_detach(self) -> None:
        """Raise UsageError where blocks do not outlive the command."""
        if not self.engine.can_detach():
            raise UsageError(
                f"--detach: {self.owner} loses blocks when the command ends; leave it out"
            )

    def go_on(self, plan: SavedPlan, store: Store, listener: Listener) -> bool:
        """Take in what is under way, run what the session lacks; say whether there was anything."""
        with self._watching(plan, store, listener) as watch, watch.cancelled_on_interrupt():
            under_way = watch.take_up()
            watch.lose_what_was_not_submitted()
            for _ in watch.until_all_are_settled():
                pass
            records = store.session(plan.session.session_id)
            units = lacking(plan, records, watch.orders)
            for unit in units:
                listener.note(sentence(unit))
            if units:
                self.check(plan, store, len(units))
                watch.submit(units)
                for _ in watch.until_all_are_settled():
                    pass
            return bool(units or under_way)

    def cancel(self, plan: SavedPlan, store: Store, listener: Listener) -> int:
        """End every job of the session that is under way; return how many there were."""
        watch = self._watch(plan, store, listener)
        try:
            count = watch.take_up()
            if count:
                watch.cancel()
            return count
        finally:
            self.engine.close()

    def look(self, plan: SavedPlan, store: Store) -> dict[int, JobState]:
        """Return where each job stands that is under way, by key. Raises EngineSilent."""
        book = OrderBook(store, plan.session.session_id)
        jobs, settled = book.jobs(), book.settled()
        try:
            open_jobs = {key: job for key, job in jobs.items() if key not in settled}
            return states_of(self.engine, self.owner, open_jobs)
        finally:
            self.engine.close()

    @contextmanager
    def _watching(self, plan: SavedPlan, store: Store, listener: Listener) -> Iterator[OrderWatch]:
        """Be the one command that looks after the session. Raises UsageError where another is."""
        try:
            with OrderBook(store, plan.session.session_id).held():
                yield self._watch(plan, store, listener)
        finally:
            self.engine.close()

    def _watch(self, plan: SavedPlan, store: Store, listener: Listener) -> OrderWatch:
        return OrderWatch(self.engine, self.owner, plan, store, listener, sleep=self.sleep)
