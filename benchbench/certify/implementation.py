"""One implementation, the candidate or the reference, and how it is had to train."""

from __future__ import annotations

from dataclasses import dataclass

from benchbench.certify.calls import call
from benchbench.certify.exercise import ONE_STEP, Exercise, Program
from benchbench.certify.rows import Arrays, Row, SilentObserver, WeightsReader
from benchbench.plugins.contract import Backend, Trainer
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True)
class Implementation:
    """A division of a backend on a device: what makes trainers, and has them train.

    Raises Unsupported and PluginRaised.
    """

    backend: Backend
    division: str = "idiomatic"
    device: str = "cpu"
    threads: int = 1

    def trainer(self, exercise: Exercise, start: Arrays, program: Program = ONE_STEP) -> Trainer:
        """Return a trainer at the weights `start`, to go through the program."""
        protocol = exercise.protocol_of(program)
        return self.bare_trainer(exercise.model, protocol, start, seed=exercise.seed)

    def bare_trainer(
        self, model: ModelSpec, protocol: TrainingProtocol, start: Arrays, *, seed: int
    ) -> Trainer:
        """Return a trainer of any model and protocol, at the weights `start`."""
        trainer: Trainer = call(
            "trainer",
            self.backend.trainer,
            model,
            protocol,
            device=self.device,
            division=self.division,
            threads=self.threads,
            seed=seed,
        )
        call("set_variables", trainer.set_variables, [array.copy() for array in start])
        return trainer

    def train(self, exercise: Exercise, start: Arrays, program: Program, draw: int = 0) -> Trainer:
        """Return a trainer that has gone through the program."""
        trainer = self.trainer(exercise, start, program)
        self.fit(trainer, exercise, program, draw)
        return trainer

    def train_long(self, exercise: Exercise, start: Arrays) -> tuple[Trainer, list[Row]]:
        """Return a trainer that has gone through the long program, and its weights each epoch."""
        trainer = self.trainer(exercise, start, exercise.long)
        reader = WeightsReader(trainer)
        call("fit", trainer.fit, exercise.long_training, exercise.evaluation, reader)
        call("synchronize", trainer.synchronize)
        return trainer, reader.rows

    def fit(self, trainer: Trainer, exercise: Exercise, program: Program, draw: int = 0) -> None:
        """Have a trainer go through the program."""
        training = exercise.training(program, draw)
        call("fit", trainer.fit, training, exercise.evaluation, SilentObserver())
        call("synchronize", trainer.synchronize)
