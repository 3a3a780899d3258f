"""The ladder's comparison, on specs for which float32 is not enough.

Of a saturated softmax, or of weights that a step moves by less than they are rounded by, two right
float32 implementations keep little that agrees with float64, and the ladder's tolerances, made for
specs of a benchmark's size, are too tight. What tells such a spec from a fault: there, another
float32 implementation is as far away.
"""

from __future__ import annotations

from dataclasses import replace

from benchbench.certify.exercise import Exercise, Implementation
from benchbench.certify.reference import Reference
from benchbench.certify.rungs import Comparison, Finding, Measure, tolerance_of

_AS_FAR = 4


class ForgivingComparison(Comparison):
    """Where `other` is as far from the reference, a difference counts as the tolerance.

    `forgave` says whether that was needed.
    """

    def __init__(
        self,
        candidate: Implementation,
        reference: Reference,
        exercise: Exercise,
        other: Implementation,
    ) -> None:
        super().__init__(candidate, reference, exercise)
        compared = Comparison(other, reference, exercise)
        self._of_other = {measure.rung: measure for measure in compared.measures()}
        self.forgave = False

    def measures(self) -> list[Measure]:
        return [self._forgiving(measure) for measure in super().measures()]

    def _forgiving(self, measure: Measure) -> Measure:
        tolerance, _ = tolerance_of(measure.rung)

        def find(start: str) -> Finding:
            finding = measure.find(start)
            if finding.difference is None or not 0 < tolerance < finding.difference:
                return finding
            others = self._of_other[measure.rung].find(start).difference
            if others is None or finding.difference > _AS_FAR * others:
                return finding
            self.forgave = True
            return replace(finding, difference=tolerance)

        return replace(measure, find=find)
