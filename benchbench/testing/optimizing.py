"""Optimizers, schedules, weight decay and clipping: whatever the backend knows of the protocol."""

from __future__ import annotations

import pytest

from benchbench.certify.exercise import Exercise, Program, relative_difference
from benchbench.certify.implementation import Implementation
from benchbench.certify.reference import REFERENCE
from benchbench.certify.rows import as_row
from benchbench.errors import Unsupported
from benchbench.spec.layers import Dense, Flatten
from benchbench.spec.model import ModelSpec
from benchbench.testing.protocols import PROTOCOLS
from benchbench.testing.subject import Subject, created, first_weights

# Smooth, so that rounding decides nothing; its weights are no zeros, so that all of them decay.
_MODEL = ModelSpec("two-smooth", (6, 5, 1), (Flatten(), Dense(4), Dense(3, "softmax")))
_PROGRAM = Program("two epochs of six steps", 5, short_batch=True, epochs=2)
# What the tolerances allow smooth networks after ten steps (certify/tolerances.toml).
_TOLERANCE = 1e-4


class OptimizerTests(Subject):
    """Twelve steps under each word of the protocol, beside the reference."""

    @pytest.mark.parametrize("words", PROTOCOLS)
    def test_trains_as_the_protocol_says(self, words: str) -> None:
        exercise = Exercise(_MODEL, PROTOCOLS[words])
        start = [array + array.dtype.type(0.1) for array in first_weights(_MODEL)]
        candidate = Implementation(self.created(), self.division, self.device, self.threads)
        try:
            observed = candidate.train(exercise, start, _PROGRAM)
        except Unsupported as answer:
            self.skip_refused(words, answer)
        expected = Implementation(created(REFERENCE)).train(exercise, start, _PROGRAM)
        ours, theirs = (as_row(one.variables()) - as_row(start) for one in (expected, observed))
        difference = relative_difference(theirs, ours)
        assert difference <= _TOLERANCE, (
            f"{exercise.protocol.optimizer.describe()}: the update of {_PROGRAM.steps} steps is "
            f"off by {difference:.1e}; `benchbench certify --protocol` says more of it"
        )
