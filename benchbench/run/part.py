"""One run as it is being conducted: its worker, what has been heard of it, its record."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from benchbench.machines import Machine
from benchbench.measure.clock import utc_now
from benchbench.measure.gpu import used_card
from benchbench.measure.noise import short_epochs
from benchbench.records import EpochRecord, RunRecord
from benchbench.run.completeness import shortcomings
from benchbench.run.launcher import Worker
from benchbench.run.messages import Built, EpochDone, Event, Finished, GaveUp, WorkerReport
from benchbench.run.plan import PlannedRun
from benchbench.run.plausibility import implausible
from benchbench.run.store import Store
from benchbench.run.turns import TimedEpoch, Turn, disagreements, pauses
from benchbench.spec.identity import spec_sha256


class Part:
    """One run of a group. It has no worker before it is launched, and none if that fails."""

    def __init__(self, run: PlannedRun, order_seed: int, machine: Machine) -> None:
        self.request = run.request
        self.worker: Worker | None = None
        self.last_event: Event | None = None
        self.saved = False
        self._run = run
        self._order_seed = order_seed
        self._machine = machine
        if version := run.environment.python_version:
            self._machine = msgspec.structs.replace(machine, python=version)
        self._started = utc_now()
        self._turns: list[Turn] = []
        self._epochs: list[TimedEpoch] = []
        self._numbers: list[int] = []
        self._waiting: tuple[float, ...] = ()
        self._watched_at_the_end = 0.0
        device = run.request.device
        self._device: str | None = None if device == "auto" else device

    @property
    def over(self) -> bool:
        """Whether the run has come to its end, good or bad."""
        return isinstance(self.last_event, Finished | GaveUp)

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """The epochs that the worker has told of."""
        records = [epoch.record for epoch in self._epochs]
        # The worker of an earlier checkout says nothing of the time between its turns.
        if len(self._waiting) == len(records):
            records = [
                msgspec.structs.replace(record, waiting_cpu_seconds=seconds)
                for record, seconds in zip(records, self._waiting, strict=True)
            ]
        return tuple(records)

    def hear(self, event: Event, turn: Turn | None = None) -> None:
        """Take in an event, with the turn at whose end the worker said it."""
        self.last_event = event
        if turn is not None:
            self._turns.append(turn)
        match event:
            case Built(device):
                self._device = device
            case EpochDone(number, epoch, watched_seconds) if turn is not None:
                self._numbers.append(number)
                self._epochs.append(TimedEpoch(epoch, turn, watched_seconds))
            case Finished(_, waiting, watched_seconds):
                self._waiting, self._watched_at_the_end = waiting, watched_seconds

    def record(self, store: Store) -> RunRecord:
        """Return the record of a run that is over; keep its log where something went wrong."""
        record = self._record()
        faults = "; ".join(implausible(record))
        if faults:
            record = msgspec.structs.replace(record, status="invalid", error=faults)
        log = None if record.status == "ok" else self._keep_log(store)
        return msgspec.structs.replace(record, log=log)

    def _record(self) -> RunRecord:
        request = self.request
        outcome, ending = self._ending()
        return RunRecord(
            run_id=request.run_id,
            session_id=request.session_id,
            block=request.block,
            status=ending.status,
            error=ending.reason or None,
            traceback=ending.traceback,
            backend=request.backend,
            division=request.division,
            variant=request.variant,
            model=request.model.name,
            dataset=request.dataset.name,
            threads=request.threads,
            seed=request.seed,
            order_seed=self._order_seed,
            stopping=self._run.stopping,
            replaces_blocks=self._run.replaces_blocks,
            further_epochs=request.further_epochs,
            spec=request.model,
            protocol=request.protocol,
            spec_sha256=spec_sha256(request.model, request.protocol),
            dataset_sha256=request.dataset.sha256,
            remarks=request.dataset.remarks,
            epochs=self.epochs,
            certificate=self._run.certificate,
            uncertified=self._run.uncertified,
            environment=self.worker.environment if self.worker else {},
            machine=self._machine,
            card=used_card(outcome.device, self.worker.environment if self.worker else {}),
            started=self.worker.started if self.worker else self._started,
            finished=utc_now(),
            **{name: getattr(outcome, name) for name in outcome.__struct_fields__},
        )

    def _ending(self) -> tuple[WorkerReport, GaveUp]:
        """Return what is known of the run, and how it ended in the words of `GaveUp`."""
        match self.last_event:
            case Finished(outcome):
                failed = "; ".join(self._objections(outcome))
                return outcome, GaveUp("invalid" if failed else "ok", failed)
            case GaveUp(status="ok"):
                reason = "it gave up, and said that it was ok: expected a status that says why"
                return WorkerReport(device=self._device), GaveUp("crashed", reason)
            case GaveUp() as event:
                return WorkerReport(device=self._device), event
            case event:
                raise AssertionError(f"a record was asked for before the end, at {event!r}")

    def _objections(self, outcome: WorkerReport) -> Iterator[str]:
        """Yield why a run that says it is finished is not valid."""
        for check in outcome.checks:
            if check.passed is False:
                yield f"{check.name}: expected {check.expected}, found {check.observed}"
        if outcome.audit and (told := outcome.audit.objection):
            yield told
        own = not self._run.environment.import_path
        yield from shortcomings(self.request, self._numbers, outcome, own=own)
        yield from disagreements(
            self._epochs, self._turns, outcome.phases, self._watched_at_the_end
        )
        yield from pauses(self._turns)
        yield from short_epochs(self.epochs)

    def _keep_log(self, store: Store) -> str | None:
        """Keep the log beside the record; return the file's name, None if nothing was kept."""
        text = self.worker.log() if self.worker else ""
        path = store.log_path(self.request.run_id)
        if not text.strip():
            return None
        try:
            path.write_bytes(text.encode(errors="replace"))
        except OSError:
            return None  # a full disk: the record itself will say so
        return path.name
