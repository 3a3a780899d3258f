"""What further blocks of a session are for: how small the error of its ratios has to become."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchbench.compare.allocation import Aim
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.compare.estimate import quantile
from benchbench.experiments.until import LEAST_BLOCKS, Until
from benchbench.records import RunRecord

# So many standard errors from the margin a ratio has its verdict by evidence that holds at every
# look: 4.6 after ten blocks, more after fewer (results/stopping/stopping.md, SAME).
_ERRORS_FOR_VERDICT = 4.6


def aims(
    until: Until | None, question: Question, records: Sequence[RunRecord], *, certified: bool
) -> Mapping[str, Aim]:
    """Return what the blocks of each model are for, by the rule and by what is known of its ratios.

    Where no rule adds blocks, or no ratio is known, the error is to be as small as it may be.
    """
    if until is None:
        return {}
    if until.width is not None:
        pilot = until.least_blocks
        error = math.log1p(until.width) / quantile(pilot - 1, question.confidence)
        return defaultdict(lambda: Aim(error=error, least_blocks=pilot))
    found: dict[str, Aim] = {}
    for section in compare(records, question, certified=certified):
        for row in section.contrasts:
            ratio = row.steady.ratio if row.steady else 1.0
            error = error_for_verdict(math.log(ratio), question)
            before = found[row.model].error if row.model in found else None
            smaller = error if before is None else min(error, before)
            found[row.model] = Aim(error=smaller, least_blocks=LEAST_BLOCKS)
    return found


def error_for_verdict(log_ratio: float, question: Question) -> float:
    """Return the standard error with which a ratio has its verdict, if it is as it seems.

    One that lies within a tenth of the margin from it is taken to lie a tenth away.
    """
    margin = question.log_margin
    distance = max(abs(abs(log_ratio) - margin), 0.1 * margin)
    return distance / _ERRORS_FOR_VERDICT
