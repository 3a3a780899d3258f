"""The clock. No other file reads one.

`Ledger` divides the life of a process into phases: every moment belongs to exactly one, so the
phases sum to the whole. `EpochClock` is the observer that a trainer calls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from benchbench.errors import PluginError
from benchbench.plugins.contract import Score
from benchbench.records import EpochRecord, Phases
from benchbench.spec.losses import ACCURACY, Metric

Phase: TypeAlias = Literal[
    "import",
    "data",
    "build",
    "first_epoch",
    "steady_epochs",
    "validation",
    "evaluate",
    "predict",
    "waiting",
    "other",
    "further",
]


def now_ns() -> int:
    """Return nanoseconds on a steady clock that all processes of this machine share."""
    return time.perf_counter_ns()


def cpu_ns() -> int:
    """Return the nanoseconds of CPU time that all threads of this process have used."""
    return time.process_time_ns()


def utc_now() -> str:
    """Return the date and time, UTC, as ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ledger:
    """Where the time went, from `started_ns` on: one phase at a time, nothing left out.

    `started_ns` may lie before this process existed (the moment at which it was spawned).
    """

    def __init__(self, started_ns: int, clock: Callable[[], int] = now_ns) -> None:
        self._clock = clock
        self._started_ns = self._since_ns = started_ns
        self._phase: Phase = "other"
        self._spent_ns: dict[Phase, int] = {}

    def enter(self, phase: Phase) -> float:
        """Close the current phase and open another. Returns the seconds since the last call."""
        now = self._clock()
        elapsed = now - self._since_ns
        self._spent_ns[self._phase] = self._spent_ns.get(self._phase, 0) + elapsed
        self._phase, self._since_ns = phase, now
        return elapsed / 1e9

    def elapsed(self) -> float:
        """Return the seconds since the current phase was entered."""
        return (self._clock() - self._since_ns) / 1e9

    def close(self) -> Phases:
        """Return the seconds of each phase up to now; their sum is `total`."""
        self.enter("other")

        def seconds(phase: Phase) -> float:
            return self._spent_ns.get(phase, 0) / 1e9

        return Phases(
            import_=seconds("import"),
            data=seconds("data"),
            build=seconds("build"),
            first_epoch=seconds("first_epoch"),
            steady_epochs=seconds("steady_epochs"),
            validation=seconds("validation"),
            evaluate=seconds("evaluate"),
            predict=seconds("predict"),
            waiting=seconds("waiting"),
            other=seconds("other"),
            total=(self._since_ns - self._started_ns) / 1e9,
            further=seconds("further"),
        )


class EpochClock:
    """The core's observer: stops the clock when an epoch is trained, and when it is validated.

    `synchronize` is the trainer's, called before every reading. `after_training(number)` is called
    after each epoch's training, `after_epoch(number, epoch)` after its validation: what the core
    keeps of it. `hand_over(number, epoch)` comes last, and returns when it is this worker's turn
    again. None of the three lies in a timed region. `metric` is the task's, None where it says
    nothing. `slowdown` is the fraction of its own time by which to draw every training epoch out.
    The last `further` of the epochs are beyond the protocol's. Raises PluginError where the trainer
    breaks the order of calls. `not_finite` lists what the trainer reported that is no number, for
    the check of that name; `waiting_cpu_seconds` is the CPU time that this process used after each
    epoch, until it was its turn again; `watched_seconds` is the time that the core itself took in
    this epoch, in `after_training` and `after_epoch`.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        epochs: int,
        synchronize: Callable[[], None],
        hand_over: Callable[[int, EpochRecord], None],
        after_training: Callable[[int], None] | None = None,
        after_epoch: Callable[[int, EpochRecord], None] | None = None,
        slowdown: float = 0.0,
        metric: Metric | None = ACCURACY,
        further: int = 0,
    ) -> None:
        self._ledger = ledger
        self._epochs = epochs
        self._own = epochs - further
        self._synchronize = synchronize
        self._hand_over = hand_over
        self._after_training = after_training
        self._after_epoch = after_epoch
        self._slowdown = slowdown
        self._metric = metric
        self._done = 0
        self._trained: tuple[float, float, float | None] | None = None
        self._cpu_ns = 0
        self.not_finite: list[str] = []
        self.waiting_cpu_seconds: list[float] = []
        self.watched_seconds = 0.0

    def start(self) -> None:
        """Start the clock; `Trainer.fit` comes next."""
        self._ledger.enter("first_epoch")
        self._cpu_ns = cpu_ns()

    def epoch_trained(self, loss: float | None) -> None:
        self._synchronize()
        if self._slowdown:
            time.sleep(self._slowdown * self._ledger.elapsed())
        # CPU time is read inside of wall time at both ends: else threads that spin between the two
        # readings would seem to be more than they are, in a short epoch.
        cpu_seconds = (cpu_ns() - self._cpu_ns) / 1e9
        seconds = self._ledger.enter("other")
        if self._trained or self._done == self._epochs:
            raise PluginError(
                f"fit must call epoch_trained and epoch_validated in turn, once for each of "
                f"{self._epochs} epochs, but it called epoch_trained "
                f"{'twice in a row' if self._trained else 'once more'} after epoch {self._done}"
            )
        self._trained = seconds, cpu_seconds, self._finite("training loss", loss)
        if self._after_training:
            # Looking on is the core's own doing, and no part of what the run took.
            self._ledger.enter("waiting")
            self._after_training(self._done + 1)
        self.watched_seconds = self._ledger.enter(
            "validation" if self._done < self._own else "further"
        )

    def epoch_validated(self, score: Score) -> None:
        self._synchronize()
        seconds = self._ledger.enter("other")
        if self._trained is None:
            raise PluginError(
                f"fit called epoch_validated after epoch {self._done} without epoch_trained before"
            )
        train_seconds, train_cpu_seconds, loss = self._trained
        self._trained = None
        kept = self._metric is not None
        metric = self._finite("validation metric", score.metric) if kept else None
        is_fraction = self._metric is not None and self._metric.is_fraction
        epoch = EpochRecord(
            train_seconds=train_seconds,
            validation_seconds=seconds,
            train_cpu_seconds=train_cpu_seconds,
            loss=loss,
            validation_loss=self._finite("validation loss", score.loss),
            validation_accuracy=metric if is_fraction else None,
            validation_mean_absolute_error=None if is_fraction else metric,
        )
        self._done += 1
        if self._after_epoch:
            self._ledger.enter("waiting")
            self._after_epoch(self._done, epoch)
            self.watched_seconds += self._ledger.enter("other")
        # From here on this process should be idle: what it uses is work left over.
        idle_ns = cpu_ns()
        self._hand_over(self._done, epoch)
        self.waiting_cpu_seconds.append((cpu_ns() - idle_ns) / 1e9)
        # What fit still does after its last epoch (callbacks, history) is no part of an epoch.
        done, last = self._done, self._epochs
        self._ledger.enter(
            "steady_epochs" if done < self._own else "further" if done < last else "other"
        )
        self._cpu_ns = cpu_ns()

    def finish(self) -> None:
        """Raise PluginError unless `fit` told of every epoch."""
        self._synchronize()
        self._ledger.enter("other")
        if self._trained or self._done != self._epochs:
            raise PluginError(
                f"fit must report {self._epochs} epochs, but it returned after {self._done}"
            )

    def _finite(self, name: str, value: float | None) -> float | None:
        """Return the value as a plain float; what JSON cannot say becomes None, and is noted."""
        if value is None:
            return None
        if not math.isfinite(value):
            self.not_finite.append(f"{name} of epoch {self._done + 1} is {value}")
            return None
        return float(value)
