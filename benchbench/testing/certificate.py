"""The ladder of `benchbench certify`, a test a rung."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
import pytest

from benchbench.certificates import Rung
from benchbench.certify.cache import KeptAnswers
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import SATURATED, STARTS, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import REFERENCE, Reference
from benchbench.certify.rungs import RUNGS
from benchbench.certify.size import too_large
from benchbench.errors import Unsupported
from benchbench.spec.losses import Loss
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import CATALOG, each_model, each_task
from benchbench.testing.subject import Subject, created, declared

# The catalog is certified as it is trained; the odd models, which are small, with small batches.
PROTOCOLS = dict.fromkeys(CATALOG, TrainingProtocol())
SMALL = TrainingProtocol(batch_size=32)

_references: dict[str, Reference] = {}


class CertificateTests(Subject):
    """The very comparison, by the very `fit`, that a certificate is made of."""

    _starts: ClassVar[Sequence[str]] = STARTS
    _climbed: ClassVar[dict[tuple[type, ModelSpec], dict[str, Rung] | str]] = {}

    @pytest.mark.parametrize("rung", RUNGS)
    @each_model
    def test_agrees_with_the_reference(self, model: ModelSpec, rung: str) -> None:
        """Architecture, forward, loss, updates: each within its tolerance of float64."""
        protocol = self.protocol or PROTOCOLS.get(model, SMALL)
        if told := too_large(model, protocol):
            reason, _, _ = told.partition(": try")
            pytest.skip(f"{reason}: --protocol takes one with a smaller batch_size")
        found = self._ladder(model, protocol)
        if isinstance(found, str):
            self.skip_refused(model.name, found)
        if rung not in found:
            pytest.skip(f"{model.name} has nothing that this rung looks at")
        if found[rung].verdict == "not reached":
            pytest.skip("a rung before it breaks")
        assert found[rung].verdict != "breaks", found[rung].explanation

    @each_task
    def test_agrees_on_each_task(self, model: ModelSpec, loss: Loss) -> None:
        """A small network of every loss, climbed from saturated weights: all that acts is awake."""
        protocol = msgspec.structs.replace(SMALL, loss=loss)
        found = self._climb(Exercise(model, protocol), (SATURATED,))
        if isinstance(found, str):
            self.skip_refused(model.name, found)
        broken = [rung.explanation for rung in found.values() if rung.verdict == "breaks"]
        assert not broken, broken[0]

    def _ladder(self, model: ModelSpec, protocol: TrainingProtocol) -> dict[str, Rung] | str:
        """Climb once a model; return the rungs by name, or why the backend does not do it."""
        key = type(self), model
        if key not in self._climbed:
            self._climbed[key] = self._climb(Exercise(model, protocol), self._starts)
        return self._climbed[key]

    def _climb(self, exercise: Exercise, starts: Sequence[str]) -> dict[str, Rung] | str:
        candidate = Implementation(self.created(), self.division, self.device, self.threads)
        deviations = self.info().deviations_of(self.division, exercise.model)
        try:
            measures = CandidateMeasures(candidate, _reference(exercise), exercise)
            return {rung.name: rung for rung in Ladder(measures, deviations, starts=starts).climb()}
        except Unsupported as answer:
            return str(answer)


def _reference(exercise: Exercise) -> Reference:
    """Return the reference's answers to this exercise, worked out once for every backend."""
    if exercise.sha256 not in _references:
        answers = KeptAnswers.of(exercise, declared(REFERENCE))
        implementation = Implementation(created(REFERENCE))
        _references[exercise.sha256] = Reference(implementation, exercise, answers)
    return _references[exercise.sha256]
