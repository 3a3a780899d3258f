"""`Trainer.fit` in a thread of its own: it trains one epoch when told to, and waits between epochs.

By the contract one call of `fit` trains all epochs; pytest-benchmark wants one call a round.
"""

from __future__ import annotations

import sys
import threading
import warnings
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Literal, Self, TypeAlias

import msgspec

from benchbench.certify.exercise import call
from benchbench.data.dataset import Split
from benchbench.errors import PluginError
from benchbench.measure.clock import EpochClock, Ledger, now_ns
from benchbench.plugins.contract import Backend, Score, Trainer
from benchbench.records import EpochRecord, Setting
from benchbench.spec.initial import initial_variables
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

_Moment: TypeAlias = Literal["built", "trained", "validated", "ended"]

_FAREWELL_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained and how: a model under a division of a backend that is imported.

    The number of `protocol.epochs` is no part of it. `notes` are the beginnings of the environment
    variables that its backend has written down.
    """

    name: str
    backend: Backend
    division: str
    device: str
    threads: int
    seed: int
    model: ModelSpec
    protocol: TrainingProtocol
    notes: tuple[str, ...] = ()

    def trainer(self, epochs: int) -> Trainer:
        """Return a trainer with the first weights. Raises Unsupported and PluginRaised."""
        trainer: Trainer = call(
            "trainer",
            self.backend.trainer,
            self.model,
            msgspec.structs.replace(self.protocol, epochs=epochs),
            device=self.device,
            division=self.division,
            threads=self.threads,
            seed=self.seed,
        )
        call("set_variables", trainer.set_variables, initial_variables(self.model, self.seed))
        call("synchronize", trainer.synchronize)
        return trainer


class TrainingThread:
    """One training of `epochs` epochs; leaving the context ends the thread, wherever it is.

    The observer is the core's `EpochClock`, as in a run; validation takes the first batch of
    `train`. What goes wrong in the thread is raised by the call that waits for it: Unsupported as
    it comes, PluginRaised from whatever the plugin raised. `epochs` are those validated so far;
    `settings` are there after `finish`.
    """

    def __init__(self, job: Job, train: Split, *, epochs: int) -> None:
        self.epochs: list[EpochRecord] = []
        self.settings: dict[str, Setting] = {}
        self._job = job
        self._train = train
        self._epoch_count = epochs
        self._turns: SimpleQueue[bool] = SimpleQueue()
        self._moments: SimpleQueue[_Moment] = SimpleQueue()
        self._unsettled = False
        self._error: BaseException | None = None
        # A daemon: a `fit` that never comes back must not keep pytest from ending.
        self._thread = threading.Thread(target=self._run, name="benchbench-fit", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait_for("built")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._turns.put(False)
        self._thread.join(_FAREWELL_SECONDS)
        if self._thread.is_alive():
            warnings.warn(
                f"`fit` of {self._job.name} did not end within {_FAREWELL_SECONDS} s of being told "
                f"to; its thread is left running, and may disturb what is timed next",
                RuntimeWarning,
                stacklevel=2,
            )

    def train_epoch(self) -> None:
        """Have one epoch trained: from its release until the device has finished it."""
        self._unsettled = True
        self._turns.put(True)
        self._wait_for("trained")

    def settle(self) -> None:
        """Return when the epoch is validated too, and the thread sleeps."""
        if self._unsettled:
            self._wait_for("validated")
            self._unsettled = False

    def finish(self) -> None:
        """Return when `fit` has, after its last epoch."""
        self.settle()
        if len(self.epochs) < self._epoch_count:  # it would wait for its turn for ever
            raise RuntimeError(
                f"{self._epoch_count} epochs were to be trained, but {len(self.epochs)} were asked "
                f"for"
            )
        self._wait_for("ended")
        if self._error:
            raise self._error

    def _wait_for(self, moment: _Moment) -> None:
        # Sleeps on a lock: it takes neither a core nor the interpreter from the training.
        came = self._moments.get()
        if came != moment:
            raise self._error or PluginError(
                f"expected `fit` of {self._job.name} to come to '{moment}', but it came to "
                f"'{came}': its epochs are fewer than it was given, or it tells of them in another "
                f"thread"
            )

    def _run(self) -> None:
        # pytest-benchmark stops tracers (coverage) while it times, but in its own thread only.
        sys.settrace(None)
        sys.setprofile(None)
        try:
            self._fit()
        # The thread that waits raises it again.
        except BaseException as error:
            self._error = error
        finally:
            self._moments.put("ended")

    def _fit(self) -> None:
        # Built in the thread that trains: torch keeps for each how it treats denormals.
        trainer = self._job.trainer(self._epoch_count)
        clock = EpochClock(
            ledger=Ledger(now_ns()),
            epochs=self._epoch_count,
            synchronize=trainer.synchronize,
            hand_over=self._hand_over,
        )
        batch_size = self._job.protocol.batch_size
        validation = Split(self._train.inputs[:batch_size], self._train.targets[:batch_size])
        self._moments.put("built")
        self._take_turn()
        clock.start()
        call("fit", trainer.fit, self._train, validation, _Announcer(clock, self._moments))
        clock.finish()
        if clock.not_finite:
            raise PluginError(
                f"expected {self._job.name} to report finite losses of {self._job.model.name}, but "
                f"{'; '.join(clock.not_finite)}"
            )
        self.settings = call("settings", trainer.settings)

    def _hand_over(self, number: int, epoch: EpochRecord) -> None:
        self.epochs.append(epoch)
        self._moments.put("validated")
        if number < self._epoch_count:
            self._take_turn()

    def _take_turn(self) -> None:
        if not self._turns.get():
            raise _Abandoned


class _Abandoned(BaseException):
    """Nobody waits for this training any more. No `except Exception` of a framework keeps it."""


class _Announcer:
    """The clock, as the observer of `fit`; tells when an epoch is trained, and finished."""

    def __init__(self, clock: EpochClock, moments: SimpleQueue[_Moment]) -> None:
        self._clock = clock
        self._moments = moments

    def epoch_trained(self, loss: float | None) -> None:
        self._clock.epoch_trained(loss)
        self._moments.put("trained")

    def epoch_validated(self, score: Score) -> None:
        self._clock.epoch_validated(score)
