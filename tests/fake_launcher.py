"""Workers that are no processes, on a clock that nobody waits for: they drive the conductor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from makers import MACHINE, PHASES

from benchbench.machines import MachineState
from benchbench.measure.foreign import CpuUse
from benchbench.records import Check, EpochRecord, FinalScore
from benchbench.run.completeness import CHECKS
from benchbench.run.messages import Built, EpochDone, Event, Finished, Ready, WorkerReport
from benchbench.run.plan import PlannedRun
from benchbench.run.turns import Turn


@dataclass
class FakeClock:
    """Seconds that pass only where a script says so."""

    seconds: float = 0.0

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(frozen=True)
class Step:
    """What a worker does in one turn: it is at work for `seconds`, then says `event`.

    An event may be an exception to raise instead, such as KeyboardInterrupt. `farewell` is what it
    says after its last event, or what is raised while it ends; `stopped`, a signal stopped it.
    """

    event: Event | BaseException
    seconds: float = 0.0
    stopped: bool = False
    farewell: str | BaseException = ""


def good_run(
    epochs: int, *, seconds: float = 1.0, report: WorkerReport | None = None
) -> list[Step]:
    """Script a run that comes to its end, each of its epochs so long."""
    trained = [
        Step(EpochDone(number, epoch_of(seconds)), seconds) for number in range(1, epochs + 1)
    ]
    end = Finished(report or whole_report(), (0.25,) * epochs)
    # The rest of what its phases say that it was at work.
    rest = PHASES.total - PHASES.waiting - epochs * seconds
    return [Step(Ready()), Step(Built("cpu")), *trained, Step(end, rest)]


def whole_report(**changes: object) -> WorkerReport:
    """What a worker says of a run that lacks nothing."""
    whole = WorkerReport(
        device="cpu",
        test=FinalScore(0.5, 0.9, 10_000),
        checks=tuple(Check(name, True, "it", "it") for name in CHECKS),
        phases=PHASES,
    )
    return msgspec.structs.replace(whole, **changes)


def epoch_of(seconds: float) -> EpochRecord:
    return EpochRecord(
        train_seconds=seconds,
        validation_seconds=0.0,
        train_cpu_seconds=seconds,
        loss=1.0,
        validation_loss=1.0,
        validation_accuracy=0.5,
    )


class FakeWorker:
    """Goes through its script, a step a turn; writes what happens to it into `journal`."""

    environment: Mapping[str, str]

    def __init__(
        self,
        run: PlannedRun,
        script: Sequence[Step],
        clock: FakeClock,
        journal: list[str],
        pid: int,
    ) -> None:
        self.request = msgspec.structs.replace(run.request, spawned_ns=round(clock.seconds * 1e9))
        self.environment = {"OMP_NUM_THREADS": str(run.request.threads)}
        self.started = "2026-01-02T03:04:05+00:00"
        self.pid = pid
        self.last_turn = Turn(0.0)
        self._steps = iter(script)
        self._clock = clock
        self._journal = journal

    def turn(self) -> Event:
        self._note("turn")
        return self.next_event()

    def next_event(self) -> Event:
        step = next(self._steps)
        self.last_turn = Turn(step.seconds, step.stopped)
        self._farewell = step.farewell
        self._clock.pass_by(step.seconds)
        if isinstance(step.event, BaseException):
            raise step.event
        return step.event

    def log(self) -> str:
        return f"what {self.request.backend} printed\n"

    def end(self) -> str:
        if isinstance(self._farewell, BaseException):
            raise self._farewell
        return self._farewell

    def kill(self) -> None:
        self._note("kill")

    def close(self) -> None:
        self._note("close")

    def _note(self, what: str) -> None:
        self._journal.append(f"{what} {self.request.backend}")


@dataclass
class FakeLauncher:
    """Gives each backend's worker its script, `script(run)`."""

    script: Callable[[PlannedRun], Sequence[Step]]
    clock: FakeClock = field(default_factory=FakeClock)
    journal: list[str] = field(default_factory=list)
    workers: list[FakeWorker] = field(default_factory=list)

    def launch(self, run: PlannedRun, *, timeout_seconds: float) -> FakeWorker:
        del timeout_seconds
        self.journal.append(f"launch {run.request.backend}")
        pid = 1000 + len(self.workers)
        script = self.script(run)
        worker = FakeWorker(run, script, clock=self.clock, journal=self.journal, pid=pid)
        self.workers.append(worker)
        return worker


@dataclass
class FakeMonitor:
    """A machine whose cores are busy half of the time, a tenth of that for the runs."""

    clock: FakeClock
    machine = MACHINE
    asked_of: list[tuple[int, ...]] = field(default_factory=list)

    def state(self, workers: Sequence[int]) -> MachineState:
        self.asked_of.append(tuple(workers))
        return MachineState(calibration_seconds=0.001, load_average=self.clock.seconds)

    def cpu_use(self, worker: int) -> CpuUse:
        now = self.clock.seconds
        return CpuUse(now, busy=now * self.machine.usable_cores / 2, ours=now / 10)

    def gpus(self) -> tuple[()]:
        return ()
