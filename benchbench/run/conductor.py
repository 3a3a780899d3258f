"""The conductor: launches the workers of a group, interleaves them, saves what they did.

Round-robin: all workers of a group are alive, exactly one is at work, and it begins when the others
have come to rest. Each round gives every live worker one turn, in balanced orders: in round 0 it
imports, loads and builds, in round n it trains and validates epoch n, after the last it evaluates,
predicts and ends. So the cells of a comparison are measured seconds apart, and a machine that
drifts drifts for all of them.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

import msgspec

from benchbench.errors import StoreError
from benchbench.interrupts import interrupts_wait
from benchbench.measure.foreign import foreign_fraction, throttled
from benchbench.records import EpochRecord, RunRecord
from benchbench.run.launcher import Launcher, ProcessLauncher, Worker
from benchbench.run.messages import EpochDone, Event, Finished, GaveUp, RunRequest
from benchbench.run.monitor import MachineMonitor, Monitor
from benchbench.run.orders import orders
from benchbench.run.part import Part
from benchbench.run.plan import Group
from benchbench.run.store import Store


class RunListener(Protocol):
    """Who wants to know how it goes. Called between turns only, while no worker is at work."""

    def group_started(self, requests: Sequence[RunRequest]) -> None:
        """A group of runs is about to start."""

    def epoch_done(self, request: RunRequest, number: int, epoch: EpochRecord) -> None:
        """A run has trained and validated an epoch, counted from 1."""

    def run_finished(self, record: RunRecord) -> None:
        """A run is over and its record saved."""


class Conductor:
    """Conducts groups of runs, whose workers it has from `launcher`.

    `timeout` is in seconds, for the work of each. By default the workers are processes and
    `monitor` reads this machine.
    """

    def __init__(
        self,
        *,
        store: Store,
        listener: RunListener,
        timeout: float,
        launcher: Launcher | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        self._store = store
        self._listener = listener
        self._timeout = timeout
        self._launcher = launcher or ProcessLauncher()
        self._monitor = monitor or MachineMonitor()
        self._machine = self._monitor.machine
        self._unsaved: list[str] = []

    def conduct(self, groups: Iterable[Group]) -> Iterator[RunRecord]:
        """Run group after group; yield each record once it is saved.

        On KeyboardInterrupt the live workers are ended and saved as `interrupted` before it is
        passed on; a run that had finished stays so. What goes wrong with one run is how that run
        ended. Raises StoreError at the end of a group of which a record could not be saved: it says
        of each where it lies. After an interrupt, a note of the exception says so.
        """
        for group in groups:
            self._listener.group_started([run.request for run in group.runs])
            yield from self._conduct_group(group)
            if self._unsaved:
                raise StoreError("\n".join(self._unsaved))

    def _conduct_group(self, group: Group) -> Iterator[RunRecord]:
        parts = [Part(run, group.order_seed, self._machine) for run in group.runs]
        with ExitStack() as stack:
            try:
                for run, part in zip(group.runs, parts, strict=True):
                    with _taking_the_blame(part):
                        worker = self._launcher.launch(run, timeout_seconds=self._timeout)
                        stack.callback(worker.close)
                        part.worker = worker
                        # The interpreter starts alone, like all that follows.
                        self._hear(part, worker, worker.next_event())
                yield from self._rounds(parts, orders(len(parts), group.order_seed))
            # Whoever takes the records may be interrupted between two of them.
            except (KeyboardInterrupt, GeneratorExit) as interrupt:
                with interrupts_wait():
                    self._save_what_there_is(parts)
                for where in self._unsaved:
                    interrupt.add_note(where)
                raise

    def _rounds(self, parts: Sequence[Part], rounds: Iterator[list[int]]) -> Iterator[RunRecord]:
        unsaved = set(range(len(parts)))
        while unsaved:
            order = [number for number in next(rounds) if number in unsaved]
            for turn, number in enumerate(order):
                part = parts[number]
                if not part.over:
                    with _taking_the_blame(part):
                        self._take_turn(part, turn, parts)
                if part.over:
                    unsaved.remove(number)
                    yield self._save(part)
                elif part.epochs and isinstance(part.last_event, EpochDone):
                    self._listener.epoch_done(part.request, part.last_event.number, part.epochs[-1])

    def _take_turn(self, part: Part, turn: int, parts: Sequence[Part]) -> None:
        """Give the worker its turn; to an epoch, add what the machine was doing meanwhile."""
        worker = part.worker
        assert worker is not None, "a run without a worker is over"  # noqa: S101 - for the types
        alive = [one.worker.pid for one in parts if one.worker is not None and not one.over]
        state = self._monitor.state(alive)
        before = self._monitor.cpu_use(worker.pid)
        event = worker.turn()
        if isinstance(event, EpochDone):
            after = self._monitor.cpu_use(worker.pid)
            foreign = foreign_fraction(before, after, self._machine.usable_cores)
            epoch = msgspec.structs.replace(
                event.epoch,
                turn=turn,
                machine=state,
                foreign_cpu_fraction=foreign,
                throttled_periods=throttled(before, after),
                gpus=self._monitor.gpus(),
            )
            event = msgspec.structs.replace(event, epoch=epoch)
        self._hear(part, worker, event)

    def _hear(self, part: Part, worker: Worker, event: Event) -> None:
        """Let the run take in what its worker said; after its last event the worker ends."""
        part.hear(event, worker.last_turn)
        if part.over:
            said = worker.end()
            if said and isinstance(event, Finished):
                reason = f"the worker wrote something that is not an event, after its last: {said}"
                part.hear(GaveUp("crashed", reason))

    def _save(self, part: Part) -> RunRecord:
        with interrupts_wait():
            record = self._keep(part)
        self._listener.run_finished(record)
        return record

    def _keep(self, part: Part) -> RunRecord:
        """Save the record; where it cannot be, remember where it is now: others have their turn."""
        record = part.record(self._store)
        try:
            self._store.save(record)
        except StoreError as error:
            self._unsaved.append(str(error))
        part.saved = True
        return record

    def _save_what_there_is(self, parts: Sequence[Part]) -> None:
        """End the workers that are left and save every run that was launched."""
        records = []
        for part in parts:
            if part.worker is not None and not part.over:
                part.worker.kill()
                part.hear(GaveUp("interrupted", "interrupted by the user"))
            if part.over and not part.saved:
                records.append(self._keep(part))
        for record in records:
            self._listener.run_finished(record)


@contextmanager
def _taking_the_blame(part: Part) -> Iterator[None]:
    """Make whatever is raised the end of this run, and of no other."""
    try:
        yield
    except Exception as error:
        if part.worker is not None:
            part.worker.kill()
        what = "its worker could not be started" if part.worker is None else "it cannot be heard"
        reason = f"{what} ({type(error).__name__}: {error})"
        part.hear(GaveUp("failed", reason, traceback.format_exc()))
