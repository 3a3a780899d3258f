"""Every layer of the spec: whatever the backend knows of them."""

from __future__ import annotations

import pytest

from benchbench.certify.exercise import Exercise, Program, relative_difference
from benchbench.certify.implementation import Implementation
from benchbench.certify.reference import REFERENCE, Reference
from benchbench.certify.rows import as_row
from benchbench.errors import Unsupported
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing.cases import WORDS
from benchbench.testing.subject import Subject, created, first_weights

_PROGRAM = Program("two epochs of three steps", 2, short_batch=True, epochs=2)
# A tenth of what the tolerances allow networks with kinks after ten steps.
_TOLERANCE = 7e-4


class LayerTests(Subject):
    """Six steps of networks of all layers, beside the reference."""

    @pytest.mark.parametrize("network", WORDS, ids=lambda network: str(network.name))
    def test_trains_every_layer(self, network: ModelSpec) -> None:
        exercise = Exercise(network, TrainingProtocol(batch_size=16))
        start = first_weights(exercise.model)
        candidate = Implementation(self.created(), self.division, self.device, self.threads)
        try:
            observed = candidate.train(exercise, start, _PROGRAM)
        except Unsupported as answer:
            self.skip_refused(network.name, answer)
        reference = Implementation(created(REFERENCE))
        expected = reference.train(exercise, start, _PROGRAM)
        counts = Reference(reference, exercise).counted(_PROGRAM)
        ours, theirs = (
            (as_row(one.variables()) - as_row(start))[counts] for one in (expected, observed)
        )
        difference = relative_difference(theirs, ours)
        assert difference <= _TOLERANCE, (
            f"the update of {_PROGRAM.steps} steps is off by {difference:.1e}; `benchbench certify "
            f"--model FILE` of a network with one of its layers says more of it"
        )
