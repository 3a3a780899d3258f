"""The conductor: launches the workers of a group, interleaves them, saves what they did.

Round-robin: all workers of a group are alive, exactly one is at work. Each round gives every live
worker one turn, in an order drawn afresh: in round 0 it imports, loads and builds, in round n it
trains and validates epoch n, after the last it evaluates, predicts and ends. So the cells of a
comparison are measured seconds apart, and a machine that drifts drifts for all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

import msgspec

from benchbench.measure.clock import utc_now
from benchbench.measure.foreign import foreign_fraction
from benchbench.records import (
    Built,
    EpochDone,
    EpochRecord,
    Event,
    Finished,
    GaveUp,
    Machine,
    Ready,
    RunRecord,
    RunRequest,
    WorkerReport,
)
from benchbench.run.completeness import shortcomings
from benchbench.run.launcher import Launcher, ProcessLauncher, Worker
from benchbench.run.monitor import MachineMonitor, Monitor
from benchbench.run.plan import Group, PlannedRun
from benchbench.run.store import Store
from benchbench.spec.identity import spec_sha256


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

    def conduct(self, groups: Iterable[Group]) -> Iterator[RunRecord]:
        """Run group after group; yield each record once it is saved.

        On KeyboardInterrupt the live workers are ended and saved as `interrupted` before it is
        passed on. Raises StoreError where a record cannot be saved.
        """
        for group in groups:
            self._listener.group_started([run.request for run in group.runs])
            yield from self._conduct_group(group)

    def _conduct_group(self, group: Group) -> Iterator[RunRecord]:
        with ExitStack() as stack:
            parts: list[_Part] = []
            try:
                for run in group.runs:
                    worker = self._launcher.launch(run, timeout_seconds=self._timeout)
                    part = _Part(run, worker, group.order_seed, self._machine)
                    stack.callback(part.worker.close)
                    parts.append(part)
                    # The interpreter starts alone, like all that follows.
                    part.hear(part.worker.next_event())
                yield from self._rounds(parts, random.Random(group.order_seed))
            except KeyboardInterrupt:
                for part in parts:
                    if not part.over:
                        part.worker.kill()
                        part.hear(GaveUp("interrupted", "interrupted by the user"))
                        self._save(part)
                raise

    def _rounds(self, parts: list[_Part], order: random.Random) -> Iterator[RunRecord]:
        live = parts
        while live:
            order.shuffle(live)
            for turn, part in enumerate(live):
                if not part.over:
                    part.hear(self._take_turn(part.worker, turn))
                if part.over:
                    yield self._save(part)
                elif part.epochs and isinstance(part.last_event, EpochDone):
                    self._listener.epoch_done(
                        part.worker.request, part.last_event.number, part.epochs[-1]
                    )
            live = [part for part in live if not part.over]

    def _take_turn(self, worker: Worker, turn: int) -> Event:
        """Give the worker its turn; to an epoch, add what the machine was doing meanwhile."""
        state = self._monitor.state()
        before = self._monitor.cpu_use(worker.pid)
        event = worker.turn()
        if not isinstance(event, EpochDone):
            return event
        after = self._monitor.cpu_use(worker.pid)
        foreign = foreign_fraction(before, after, self._machine.usable_cores)
        epoch = msgspec.structs.replace(
            event.epoch,
            turn=turn,
            machine=state,
            foreign_cpu_fraction=foreign,
            gpus=self._monitor.gpus(),
        )
        return EpochDone(event.number, epoch)

    def _save(self, part: _Part) -> RunRecord:
        record = part.record(self._store)
        self._store.save(record)
        self._listener.run_finished(record)
        return record


class _Part:
    """One run as it is being conducted: its worker, and what has been heard of it."""

    def __init__(self, run: PlannedRun, worker: Worker, order_seed: int, facts: Machine) -> None:
        self.worker = worker
        self.epochs: list[EpochRecord] = []
        self._numbers: list[int] = []
        self.last_event: Event | None = None
        self._run = run
        self._order_seed = order_seed
        self._machine = facts
        device = run.request.device
        self._device: str | None = None if device == "auto" else device

    @property
    def over(self) -> bool:
        """Whether the run has come to its end, good or bad."""
        return isinstance(self.last_event, Finished | GaveUp)

    def hear(self, event: Event) -> None:
        """Take in what the worker said at the end of its turn."""
        self.last_event = event
        match event:
            case Ready():
                pass
            case Built(device):
                self._device = device
            case EpochDone(number, epoch):
                self._numbers.append(number)
                self.epochs.append(epoch)
            case Finished(_, waiting):
                # The worker of an earlier checkout says nothing of it.
                if len(waiting) == len(self.epochs):
                    self.epochs = [
                        msgspec.structs.replace(epoch, waiting_cpu_seconds=seconds)
                        for epoch, seconds in zip(self.epochs, waiting, strict=True)
                    ]
            case GaveUp():
                pass

    def record(self, store: Store) -> RunRecord:
        """Return the record of a run that is over; keep its log where something went wrong."""
        request = self.worker.request
        outcome, ending = self._ending()
        return RunRecord(
            run_id=request.run_id,
            session_id=request.session_id,
            block=request.block,
            status=ending.status,
            error=ending.reason or None,
            traceback=ending.traceback,
            log=None if ending.status == "ok" else self._keep_log(store),
            backend=request.backend,
            division=request.division,
            variant=request.variant,
            model=request.model.name,
            dataset=request.dataset.name,
            threads=request.threads,
            seed=request.seed,
            order_seed=self._order_seed,
            spec=request.model,
            protocol=request.protocol,
            spec_sha256=spec_sha256(request.model, request.protocol),
            dataset_sha256=request.dataset.sha256,
            epochs=tuple(self.epochs),
            certificate=self._run.certificate,
            uncertified=self._run.uncertified,
            environment=self.worker.environment,
            machine=self._machine,
            started=self.worker.started,
            finished=utc_now(),
            **{name: getattr(outcome, name) for name in outcome.__struct_fields__},
        )

    def _ending(self) -> tuple[WorkerReport, GaveUp]:
        """Return what is known of the run, and how it ended in the words of `GaveUp`."""
        match self.last_event:
            case Finished(outcome):
                failed = [
                    f"{check.name}: expected {check.expected}, found {check.observed}"
                    for check in outcome.checks
                    if check.passed is False
                ]
                own = not self._run.environment.import_path
                failed += shortcomings(self.worker.request, self._numbers, outcome, own=own)
                return outcome, GaveUp("invalid" if failed else "ok", "; ".join(failed))
            case GaveUp(status="ok"):
                reason = "it gave up, and said that it was ok: expected a status that says why"
                return WorkerReport(device=self._device), GaveUp("crashed", reason)
            case GaveUp() as event:
                return WorkerReport(device=self._device), event
            case event:
                raise AssertionError(f"a record was asked for before the end, at {event!r}")

    def _keep_log(self, store: Store) -> str | None:
        """Keep the log beside the record; return the file's name, None if nothing was kept."""
        text, path = self.worker.log(), store.log_path(self.worker.request.run_id)
        if not text.strip():
            return None
        try:
            path.write_text(text)
        except OSError:
            return None  # a full disk: the record itself will say so
        return path.name
