"""What a fault is, and the backend that has one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from benchbench_numpy.backend import NumpyBackend
from benchbench_numpy.trainer import NumpyTrainer

from benchbench import Conv2D, Dense, MaxPool2D, ModelSpec, TrainingProtocol

DEFAULT_PROTOCOL = TrainingProtocol()


class FaultyTrainer(NumpyTrainer):
    """The NumPy trainer with other parts.

    While one of its methods runs, and only then, each name in `parts` ("optimizers.Adam") is that
    of another object in that module of the NumPy backend. The reference, which is the same code,
    never sees them.
    """

    def __init__(self, model, protocol, *, parts: Mapping[str, Any], **choices) -> None:
        self._parts = parts
        with self._exchanged():
            super().__init__(model, protocol, **choices)

    def fit(self, train, validation, observer) -> None:
        with self._exchanged():
            super().fit(train, validation, observer)

    def evaluate(self, split):
        with self._exchanged():
            return super().evaluate(split)

    def predict(self, inputs):
        with self._exchanged():
            return super().predict(inputs)

    @contextmanager
    def _exchanged(self) -> Iterator[None]:
        with ExitStack() as stack:
            for place, part in self._parts.items():
                module, name = place.split(".")
                module = importlib.import_module(f"benchbench_numpy.{module}")
                stack.enter_context(mock.patch.object(module, name, part))
            yield


def any_model(_model: ModelSpec) -> bool:
    return True


def has_pool(model: ModelSpec) -> bool:
    return any(isinstance(layer, MaxPool2D) for layer in model.layers)


def has_hidden_relu(model: ModelSpec) -> bool:
    return any(getattr(layer, "activation", None) == "relu" for layer in model.layers)


def has_hidden_layer(model: ModelSpec) -> bool:
    return sum(isinstance(layer, Conv2D | Dense) for layer in model.layers) > 1


@dataclass(frozen=True, eq=False)
class Fault:
    """One fault, and where it must be caught.

    `rung` is the first that must break: where that depends on the model, a function of it; where it
    hangs on the samples drawn, every one that it may be. Where it matters from which starting
    point, `starts` are those from which the difference there must be above the tolerance (it may be
    from others too).
    `applies` says in which models the fault exists, under `protocol`. The trainer is of class
    `trainer`, with `parts` exchanged.
    """

    name: str
    description: str
    rung: str | tuple[str, ...] | Callable[[ModelSpec], str]
    trainer: type[FaultyTrainer] = FaultyTrainer
    parts: Mapping[str, Any] = field(default_factory=dict)
    starts: tuple[str, ...] = ()
    applies: Callable[[ModelSpec], bool] = any_model
    protocol: TrainingProtocol = DEFAULT_PROTOCOL

    def rungs_in(self, model: ModelSpec) -> tuple[str, ...]:
        """Return the rungs one of which must be the first to break in this model."""
        rung = self.rung(model) if callable(self.rung) else self.rung
        return (rung,) if isinstance(rung, str) else rung


class FaultyBackend(NumpyBackend):
    """The float32 NumPy backend with one fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__("float32")
        self._fault = fault

    def trainer(self, model, protocol, *, device, division, threads, seed) -> FaultyTrainer:
        return self._fault.trainer(
            model,
            protocol,
            parts=self._fault.parts,
            dtype=self._dtype,
            threads=threads,
            seed=seed,
        )
