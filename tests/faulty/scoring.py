"""Where the ladder catches a fault, with one reference a model shared by all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from benchbench_numpy.backend import NumpyBackend

from benchbench import Conv2D, Dense, Flatten, MaxPool2D, ModelSpec, TrainingProtocol
from benchbench.certificates import Rung
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import ONE_STEP, Exercise, Program
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import Reference
from benchbench.certify.rows import Arrays
from benchbench.spec.catalog import MODELS
from benchbench.testing.cases import ODD_MODELS
from faulty.fault import DEFAULT_PROTOCOL, Fault, FaultyBackend
from faulty.image_models import IMAGE_MODELS
from faulty.sequence_models import SEQUENCE_MODELS

# A pool of three drops the rows and columns that 'same' padding adds: 8 - 2 = 6 and 8 make 2.
PADDING_ABSORBED = ModelSpec(
    "padding-absorbed",
    (8, 8, 2),
    (Conv2D(4, (3, 3), "relu"), MaxPool2D((3, 3)), Flatten(), Dense(3, "softmax")),
)
# The border of the images is two pixels wide here: some windows see exact zeros only.
DARK_BORDER = ModelSpec(
    "dark-border",
    (18, 18, 1),
    (Conv2D(6, (2, 2), "relu"), MaxPool2D((2, 2)), Flatten(), Dense(4, "softmax")),
)
SMALL_MODELS = (*ODD_MODELS, PADDING_ABSORBED, DARK_BORDER)
ALL_MODELS: Mapping[str, ModelSpec] = MappingProxyType(
    {
        model.name: model
        for model in (*MODELS.values(), *SMALL_MODELS, *SEQUENCE_MODELS, *IMAGE_MODELS)
    }
)


class SharedReference(Reference):
    """Answers once what every fault asks: forward and loss at the starting points."""

    def __init__(self, exercise: Exercise) -> None:
        super().__init__(Implementation(NumpyBackend("float64")), exercise)
        self._starts: dict[tuple[str, Program, int], Arrays] = {}
        self._answers: dict[tuple[Any, ...], Any] = {}

    def start(self, name: str, program: Program = ONE_STEP, attempt: int = 0) -> Arrays:
        key = name, program, attempt
        if key not in self._starts:
            self._starts[key] = super().start(*key)
        return self._starts[key]

    def predict(self, weights: Arrays, images):
        common = images is self._exercise.batch.inputs
        return self._once(
            common,
            "predict",
            weights,
            lambda: super(SharedReference, self).predict(weights, images),
        )

    def evaluate(self, weights: Arrays, split):
        common = split is self._exercise.batch
        return self._once(
            common,
            "evaluate",
            weights,
            lambda: super(SharedReference, self).evaluate(weights, split),
        )

    def _once(self, common: bool, method: str, weights: Arrays, ask: Callable[[], Any]) -> Any:
        start = next((name for name, known in self._starts.items() if known is weights), None)
        if start is None or not common:
            return ask()
        if (method, start) not in self._answers:
            self._answers[method, start] = ask()
        return self._answers[method, start]


@dataclass(frozen=True)
class Caught:
    """What came of a fault in a model: the first rung that broke, if one did."""

    fault: Fault
    model: ModelSpec
    rung: Rung | None

    @property
    def starts(self) -> tuple[str, ...]:
        """The starting points from which the difference is above the tolerance."""
        if self.rung is None:
            return ()
        return tuple(
            start
            for start, difference in self.rung.differences.items()
            if difference is None or difference > self.rung.tolerance
        )

    @property
    def where_it_belongs(self) -> bool:
        """Whether it was caught at its rung, from its starting points."""
        if self.rung is None or self.rung.name not in self.fault.rungs_in(self.model):
            return False
        return set(self.fault.starts) <= set(self.starts)


@cache
def catch(fault: Fault, model: ModelSpec) -> Caught:
    """Climb the ladder with a fault."""
    exercise, reference = sides(model, fault.protocol)
    comparison = CandidateMeasures(Implementation(FaultyBackend(fault)), reference, exercise)
    rungs = Ladder(comparison).climb()
    return Caught(fault, model, next((rung for rung in rungs if rung.verdict == "breaks"), None))


@cache
def sides(
    model: ModelSpec, protocol: TrainingProtocol = DEFAULT_PROTOCOL
) -> tuple[Exercise, SharedReference]:
    """Return a model's exercise under a protocol, and the reference that all share."""
    exercise = Exercise(model, protocol)
    return exercise, SharedReference(exercise)
