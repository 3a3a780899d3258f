"""A candidate's update beside the reference's, on draws that no rounding decides."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchbench.certify.acting import why_unsteady
from benchbench.certify.calls import call
from benchbench.certify.delicate import beyond_rounding
from benchbench.certify.exercise import Program, relative_difference
from benchbench.certify.implementation import Implementation
from benchbench.certify.reference import ATTEMPTS, Reference
from benchbench.certify.rows import as_row
from benchbench.certify.rungs import Finding, finite, limit_of, sensitive_limit
from benchbench.certify.state import state_differences
from benchbench.certify.tolerances import MARGIN
from benchbench.certify.update_words import explain_update
from benchbench.errors import Unsupported
from benchbench.plugins.contract import Trainer


class UpdateMeasures:
    """Compares what a program adds to the weights; raises what the candidate raises.

    `trained(start, program)` returns a trainer of the candidate that has gone through the program
    on draw 0.
    """

    def __init__(
        self,
        candidate: Implementation,
        reference: Reference,
        trained: Callable[[str, Program], Trainer],
    ) -> None:
        self._candidate = candidate
        self._reference = reference
        self._exercise = reference.exercise
        self._trained = trained

    def measure(self, program: Program, start: str) -> Finding:
        """Measure an update; one that is off on three other draws too, for a fault shows on each.

        Off is what is more than right implementations were seen to be: they are often far below
        it, and now and then, where a near tie went the other way, far above. So the other draws
        are those on which a rounding decides nothing.
        """
        limit = limit_of(program.name, self._exercise.model)
        finding = self._attempt(start, program, 0)
        if finding_size(finding) <= limit.tolerance / MARGIN:
            return finding
        unsteady = self._reference.unsteadiness(start, program, ATTEMPTS[0])
        limit = sensitive_limit(program.name, self._exercise.model, unsteady)
        if not unsteady <= limit.tolerance:
            raise Unsupported(
                f"no certificate can be made of this model and protocol: in '{program.name}', from "
                f"{start} weights, a rounding of the reference's own moves its update by "
                f"{unsteady:.1e}, more than the {limit.tolerance:.0e} by which two right "
                f"implementations may differ ({why_unsteady(self._exercise.protocol.optimizer)})"
            )
        findings: list[Finding] = []
        for attempt in ATTEMPTS:
            findings.append(self._attempt(start, program, attempt))
            if finding_size(findings[-1]) <= limit.tolerance / MARGIN:
                break
        return replace(min(findings, key=finding_size), limit=limit)

    def _attempt(self, start: str, program: Program, attempt: int) -> Finding:
        given = self._reference.start(start, program, attempt)
        expected = self._reference.update(start, program, attempt)
        draw = self._reference.draw(start, program, attempt)
        # Draw 0 is that of the first look.
        if draw == 0:
            trainer = self._trained(start, program)
        else:
            trainer = self._candidate.train(self._exercise, given, program, draw)
        before = as_row(given)
        observed = as_row(call("variables", trainer.variables)) - before
        beyond = beyond_rounding(self._exercise, program, before, expected, observed)
        counts = self._reference.counted(program)
        differences = [relative_difference((expected + beyond)[counts], expected[counts])]
        # A state is compared by itself: in the norm of all variables it would drown.
        differences += state_differences(self._exercise.model, before, expected, beyond, counts)
        return Finding(
            finite(max(differences)),
            lambda: explain_update(
                self._reference,
                self._exercise,
                given,
                expected,
                np.where(counts, observed, expected),
                program=program,
                draw=draw,
            ),
        )


def finding_size(finding: Finding) -> float:
    """Return the difference that was found; one that is no number is infinite."""
    return math.inf if finding.difference is None else finding.difference
