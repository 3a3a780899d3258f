"""The ladder: one implementation against the reference, rung by rung, to the first that breaks."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

from benchbench.certificates import CRASHED, Rung, RungVerdict
from benchbench.certify.calls import PluginRaised
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import STARTS
from benchbench.certify.rungs import ALL_STARTS, EXACT, Finding, Limit, Measure
from benchbench.errors import BenchbenchError, Unsupported
from benchbench.plugins.contract import Deviation


class Ladder:
    """Climbs once. Each rung is measured from every one of `starts` before the next.

    `deviations` are those that the plugin declares for this model. `traceback` holds that of what
    the plugin raised, if it did.
    """

    def __init__(
        self,
        comparison: CandidateMeasures,
        deviations: Sequence[Deviation] = (),
        *,
        starts: Sequence[str] = STARTS,
    ) -> None:
        self._comparison = comparison
        self._starts = starts
        self._declared = {(one.rung, one.start): one for one in deviations}
        self.traceback: str | None = None

    def climb(self, reached: Callable[[str], None] = lambda _: None) -> tuple[Rung, ...]:
        """Return all rungs; those after the first that breaks are `not reached`.

        `reached` is told the name of each as it is begun.

        Raises Unsupported where the backend does not do this model.
        """
        before = self._comparison.fingerprint()
        rungs: list[Rung] = []
        broken = False
        for measure in self._comparison.measures():
            if not broken:
                reached(measure.rung)
            rung = _rung(measure, "not reached") if broken else self._step(measure)
            broken = broken or rung.verdict == "breaks"
            rungs.append(rung)
        return _data_rung(same=self._comparison.fingerprint() == before), *rungs

    def _step(self, measure: Measure) -> Rung:
        """Measure one rung and judge it from every starting point; a break is explained once."""
        differences: dict[str, float | None] = {}
        judged: list[tuple[RungVerdict, str]] = []
        limit = measure.limit
        for start in (ALL_STARTS,) if measure.own_start else self._starts:
            finding = self._find(measure, start)
            differences[start] = finding.difference
            of_start = finding.limit or measure.limit
            limit = max(limit, of_start, key=lambda one: one.tolerance)
            verdict, words = self._judge(measure.rung, start, finding, of_start)
            # The first break is explained; of the others nobody reads, and it takes its time.
            if verdict == "breaks" and not any(one == "breaks" for one, _ in judged):
                words = words or _looks_like(finding)
            told = words if measure.own_start else f"from {start} weights: {words}"
            judged.append((verdict, told))
        for verdict in ("breaks", "deviates"):
            explanations = [words for judgement, words in judged if judgement == verdict]
            if explanations:
                told = explanations[0] if verdict == "breaks" else "; ".join(explanations)
                return _rung(measure, verdict, differences, told, limit=limit)
        return _rung(measure, "holds", differences, limit=limit)

    def _find(self, measure: Measure, start: str) -> Finding:
        try:
            return measure.find(start)
        except (Unsupported, BenchbenchError):
            raise
        except PluginRaised as error:
            return self._raised(error.__cause__, f"{CRASHED}{error}")
        except Exception as error:  # an answer of another kind: a string, None, arrays of no shape
            kind = f"{type(error).__name__}: {error}"
            return self._raised(error, f"what it answered cannot be compared ({kind})")

    def _raised(self, error: BaseException | None, reason: str) -> Finding:
        """Return that there is no difference to measure; keep the first traceback."""
        if self.traceback is None:
            self.traceback = "".join(traceback.format_exception(error))
        return Finding(None, lambda: reason)

    def _judge(
        self, rung: str, start: str, finding: Finding, limit: Limit
    ) -> tuple[RungVerdict, str]:
        difference = finding.difference
        if difference is None:
            return "breaks", ""
        declared = self._declared.get((rung, start))
        if declared is None:
            holds = difference <= limit.tolerance
            return ("holds" if holds else "breaks"), ""
        if declared.least <= difference <= declared.most:
            return "deviates", f"declared: {declared.reason}"
        return "breaks", (
            f"the plugin declares a deviation of {declared.least:.1e} to {declared.most:.1e} here "
            f"({declared.reason}), but it is {difference:.1e}"
        )


def _looks_like(finding: Finding) -> str:
    """Return the diagnosis; the verdict stands even where that fails."""
    try:
        return finding.look()
    except Exception as error:
        return f"no diagnosis fits it ({type(error).__name__}: {error}): look at what was answered"


def _data_rung(*, same: bool) -> Rung:
    words = "samples of which a byte was changed"
    measure = Measure("data", words, lambda _: Finding(0, str), EXACT)
    if same:
        return _rung(measure, "holds", {ALL_STARTS: 0.0})
    return _rung(
        measure, "breaks", {ALL_STARTS: 1.0}, "the samples it was given have been written to"
    )


def _rung(
    measure: Measure,
    verdict: RungVerdict,
    differences: dict[str, float | None] | None = None,
    explanation: str | None = None,
    *,
    limit: Limit | None = None,
) -> Rung:
    limit = limit or measure.limit
    return Rung(
        name=measure.rung,
        measure=measure.words,
        differences=differences or {},
        tolerance=limit.tolerance,
        source=limit.source,
        verdict=verdict,
        explanation=explanation,
    )
