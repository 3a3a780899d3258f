"""The orders of one session, from the moment they are handed out until each is settled.

A block that is lost through the node's or the engine's doing is done again once, on another node;
what is lost otherwise stays lost until `run --resume`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from benchbench.errors import BenchbenchError, Unavailable
from benchbench.experiments.blame import told_by_name
from benchbench.experiments.fleet.engine import Engine, EngineSilent, JobState
from benchbench.experiments.fleet.intake import Intake
from benchbench.experiments.fleet.messages import Order
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.listener import Listener
from benchbench.experiments.saved_plan import SavedPlan
from benchbench.experiments.units import Unit
from benchbench.interrupts import interrupts_wait
from benchbench.measure.clock import now_ns, utc_now
from benchbench.quantities import counted
from benchbench.records import RunRecord
from benchbench.run.store import Store

# The command looks so often: soon at first, and rarely when nothing has changed for a while.
_SOONEST_SECONDS, _RAREST_SECONDS = 0.5, 4.0
# An engine that does not answer may be restarting.
PATIENCE_SECONDS = 900.0
# Jobs that were cancelled save what there is, and have so long for it.
FAREWELL_SECONDS = 20.0


def states_of(engine: Engine, owner: str, jobs: Mapping[int, str]) -> dict[int, JobState]:
    """Ask an engine where jobs stand. Raises EngineSilent, and PluginError in its owner's name."""
    if not jobs:
        return {}
    with told_by_name(owner, passed_on=EngineSilent):
        return dict(engine.look(jobs))


class OrderWatch:
    """Orders of one session, from the moment they are handed out until each is settled."""

    def __init__(
        self,
        engine: Engine,
        owner: str,
        plan: SavedPlan,
        store: Store,
        listener: Listener,
        *,
        sleep: Callable[[float], None],
    ) -> None:
        self._engine = engine
        self._owner = owner
        self._sleep = sleep
        self._plan = plan
        self._listener = listener
        self._book = OrderBook(store, plan.session.session_id)
        self._intake = Intake(plan.session, store, self._book, listener)
        self._orders = self._book.orders()
        self._open: dict[int, str] = {}
        self._seen: dict[int, str] = {}
        self._waits_told: set[str] = set()
        self._silent_since: int | None = None

    @property
    def orders(self) -> Sequence[Order]:
        """Every order that was handed out."""
        return list(self._orders.values())

    def submit(
        self, units: Sequence[Unit], *, again: bool = False, avoid: Collection[str] = ()
    ) -> list[Order]:
        """Write orders down and submit them; return them. Raises BenchbenchError."""
        first = max(self._orders, default=-1) + 1
        now = utc_now()
        orders = [
            Order(
                key=key,
                number=unit.number,
                models=tuple(dict.fromkeys(cell.model.name for cell in unit.cells)),
                replaces=unit.replaces,
                again=again,
                submitted=now,
            )
            for key, unit in enumerate(units, start=first)
        ]
        if not orders:
            return []
        self._book.prepare()
        submission = self._book.hand_out(orders)
        with interrupts_wait():
            try:
                with told_by_name(self._owner):
                    jobs = self._engine.submit(self._plan, self._book, orders, avoid=avoid)
            except BenchbenchError:
                self._book.take_back(submission)
                raise
            self._orders |= {order.key: order for order in orders}
            self._open |= jobs
            self._book.note_jobs(jobs)
        return orders

    def take_up(self) -> int:
        """Take up the orders that an earlier command submitted; return how many are open."""
        settled, jobs = self._book.settled(), self._book.jobs()
        self._open |= {key: job for key, job in jobs.items() if key not in settled}
        return len(self._open)

    def lose_what_was_not_submitted(self) -> None:
        """Write down as lost what an earlier command wrote down and could not submit."""
        known = self._book.settled() | self._book.jobs().keys()
        for key, order in self._orders.items():
            if key not in known:
                self._intake.lose(order, "it was written down and never submitted")

    def until_all_are_settled(self) -> Iterator[RunRecord]:
        """Look at the jobs until all have ended; yield each record once it is saved."""
        pause = _SOONEST_SECONDS
        while self._open:
            changed = False
            states = self._look()
            self._tell_what_waits(states.values())
            for key, state in states.items():
                changed |= self._note(key, state)
                if state.phase == "ended":
                    yield from self._settle(key, state)
            pause = _SOONEST_SECONDS if changed else min(pause * 1.5, _RAREST_SECONDS)
            if self._open:
                self._sleep(pause)

    @contextmanager
    def cancelled_on_interrupt(self) -> Iterator[None]:
        """End the jobs where the block is interrupted."""
        try:
            yield
        except (KeyboardInterrupt, GeneratorExit) as interrupt:
            with interrupts_wait():
                if count := len(self._open):
                    told = f"blocks that were under way and have been cancelled: {count}"
                    try:
                        self.cancel()
                    except BenchbenchError as error:
                        told = f"blocks that are under way and may run on: {count} ({error})"
                    interrupt.add_note(told)
            raise

    def cancel(self) -> None:
        """End all jobs, wait a moment for what they save, and write the rest down as lost.

        Raises Unavailable where the engine does not answer: nothing is written down then.
        """
        try:
            with told_by_name(self._owner, passed_on=EngineSilent):
                self._engine.cancel(self._open)
        except EngineSilent as silence:
            raise Unavailable(
                f"{self._owner} does not answer ({silence}), so nothing is cancelled; once it "
                f"does: benchbench cancel {self._plan.session.session_id} "
                f"{self._book.place}"
            ) from None
        deadline = now_ns() + FAREWELL_SECONDS * 1e9
        while self._open and now_ns() < deadline:
            for key, state in self._look().items():
                if state.phase == "ended":
                    for _ in self._settle(key, state, redo=False):
                        pass
            if self._open:
                self._sleep(_SOONEST_SECONDS)
        for key in list(self._open):
            self._intake.lose(self._orders[key], "it was cancelled")
            del self._open[key]

    def _look(self) -> dict[int, JobState]:
        """Ask the engine; one that is silent is asked again. Raises Unavailable in the end."""
        try:
            found = states_of(self._engine, self._owner, self._open)
        except EngineSilent as silence:
            now = now_ns()
            if self._silent_since is None:
                self._silent_since = now
                self._listener.note(f"{self._owner} does not answer ({silence}): waiting")
            if now - self._silent_since > PATIENCE_SECONDS * 1e9:
                raise Unavailable(
                    f"{self._owner} has not answered for {PATIENCE_SECONDS:.0f} s "
                    f"({silence}); what is under way goes on, and is collected with: benchbench "
                    f"run --resume {self._plan.session.session_id} {self._book.place}"
                ) from None
            return {}
        if self._silent_since is not None:
            self._listener.note(f"{self._owner} answers again")
            self._silent_since = None
        return found

    def _note(self, key: int, state: JobState) -> bool:
        """Tell that a block has come to another state; say whether it has."""
        before = self._seen.get(key, "waiting")
        self._seen[key] = state.phase
        if state.phase == "running" and state.phase != before:
            self._listener.note(f"block {self._orders[key].number}: running on {state.node}")
        return state.phase != before

    def _tell_what_waits(self, states: Collection[JobState]) -> None:
        """Tell each reason for which blocks wait, once: some never pass by themselves."""
        reasons = Counter(one.reason for one in states if one.phase == "waiting" and one.reason)
        for reason in reasons.keys() - self._waits_told:
            self._listener.note(f"{counted(reasons[reason], 'block')} waiting: {reason}")
        self._waits_told |= reasons.keys()

    def _settle(self, key: int, state: JobState, *, redo: bool = True) -> Iterator[RunRecord]:
        """Take in what came of a job that has ended; do it again where that may help."""
        order = self._orders[key]
        taken = self._intake.take(order, state, self._open[key])
        if taken is None:  # its answer is not to be seen yet
            return
        del self._open[key]
        again = None
        if taken.lost and taken.elsewhere and redo and not order.again:
            again = self._again(order, taken.broken, taken.node)
        if taken.lost:
            self._intake.lose(order, taken.lost, node=taken.node, redone=again)
        yield from taken.records

    def _again(self, order: Order, models: Sequence[str], node: str) -> Order | None:
        """Submit a lost block once more, on another node; return the first of its orders."""
        units = self._intake.replacements(order, models, self._orders.values())
        avoid = [node] if node else []
        try:
            return self.submit(units, again=True, avoid=avoid)[0]
        except (BenchbenchError, IndexError) as error:
            self._listener.note(f"block {order.number} cannot be done again elsewhere: {error}")
            return None
