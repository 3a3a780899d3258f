"""What an epoch benchmark trains: one call of `Trainer.fit`, under the clock of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from benchbench.certify.calls import call
from benchbench.data.dataset import Split
from benchbench.errors import PluginError
from benchbench.measure.clock import EpochClock, Ledger, now_ns
from benchbench.plugins.contract import Backend, Trainer
from benchbench.records import EpochRecord, Setting
from benchbench.spec.initial import initial_variables
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


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


@dataclass(frozen=True)
class Training:
    """What came of one `fit`: the seconds of training of each epoch, and the trainer's settings."""

    epoch_seconds: tuple[float, ...]
    settings: dict[str, Setting]


def train(
    job: Job, split: Split, *, epochs: int, after_epoch: Callable[[int], None] = lambda _: None
) -> Training:
    """Train `epochs` epochs on `split`; validation takes its first batch.

    `after_epoch(number)` is called when an epoch is validated, outside of what is timed. Coverage
    and profilers are off meanwhile. Raises Unsupported and PluginRaised from the plugin,
    PluginError for losses that are not finite and for epochs that were not told of.
    """
    trainer = job.trainer(epochs)
    seconds = []

    def hand_over(number: int, epoch: EpochRecord) -> None:
        seconds.append(epoch.train_seconds)
        after_epoch(number)

    clock = EpochClock(
        ledger=Ledger(now_ns()),
        epochs=epochs,
        synchronize=trainer.synchronize,
        hand_over=hand_over,
    )
    size = job.protocol.batch_size
    validation = Split(split.inputs[:size], split.targets[:size])
    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        clock.start()
        call("fit", trainer.fit, split, validation, clock)
        clock.finish()
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)
    if clock.not_finite:
        raise PluginError(
            f"expected {job.name} to report finite losses of {job.model.name}, but "
            f"{'; '.join(clock.not_finite)}"
        )
    return Training(tuple(seconds), call("settings", trainer.settings))
