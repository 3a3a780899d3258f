"""What may be said: FASTER, SLOWER or SAME, held over the whole table; else UNDECIDED, and why.

Before that a machine is judged: NOISY where it had too few cores for the threads of the runs.

Two families of claims are made in a table, "it differs" and "it is the same". In each the chance
of a single false one is held to 1 - confidence by Holm's procedure: so a table of many rows is not
bound to hold a few false verdicts. The intervals beside them are each row's own.

Sources: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6 (1979), 65-70; Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15 (1987), 657-680.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.compare.contrast import Contrast, Evidence, Question, Ratio, TimeVerdict

# How often the blocks that are named as needed would settle it, if things are as they seem.
_POWER = 0.8
_MOST_BLOCKS = 100
# Losses that a reason tells one by one.
_TOLD = 3
# Of the blocks, so many may have been measured on a machine too full for their threads.
_CROWDED = 0.25


def judge(contrasts: Sequence[Contrast], question: Question) -> tuple[Contrast, ...]:
    """Give every contrast its verdict and reason, all of them together being one table."""
    evidence = [one.evidence for one in contrasts if one.evidence]
    family = len(evidence)
    differs = iter(holm([one.p_differs for one in evidence]))
    same = iter(holm([one.p_same for one in evidence]))
    return tuple(
        _judged(one, next(differs), next(same), family, question)
        if one.evidence
        else msgspec.structs.replace(one, verdict="EXPLORATORY", reason=_too_little(one, question))
        for one in contrasts
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for being several: each at most alpha holds the family to it."""
    adjusted = [0.0] * len(p_values)
    greatest = 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, place in enumerate(order):
        greatest = max(greatest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = greatest
    return adjusted


def blocks_to_settle(
    log_ratio: float, scatter: float, family: int, question: Question
) -> int | None:
    """Return how many blocks would settle it in four cases of five, if what is seen is true.

    `scatter` is the standard deviation of the blocks' median log-ratios. With Student's quantiles:
    the distance to the margin must be (t(1 - alpha) + t(power)) standard errors, where alpha is the
    smallest that Holm may ask for. None where `_MOST_BLOCKS` would not do.
    """
    differs = abs(log_ratio) > question.log_margin
    distance = abs(abs(log_ratio) - question.log_margin)
    alpha = (1 - question.confidence) / family
    # "Same" needs both one-sided tests: each is given half of what may go wrong.
    levels = (1 - alpha / 2, _POWER) if differs else (1 - alpha, (1 + _POWER) / 2)
    enough = _errors_apart(*levels) * scatter <= distance
    return 2 + int(enough.argmax()) if enough.any() else None


@functools.cache
def _errors_apart(level: float, power: float) -> npt.NDArray[np.float64]:
    """Return by how many scatters a test at this level must be cleared, for 2 blocks and more."""
    from scipy import special

    counts = np.arange(2, _MOST_BLOCKS + 1)
    quantiles = special.stdtrit(counts - 1, level) + special.stdtrit(counts - 1, power)
    return np.asarray(quantiles / np.sqrt(counts))


def _judged(
    one: Contrast, p_differs: float, p_same: float, family: int, question: Question
) -> Contrast:
    assert one.evidence is not None and one.steady is not None  # noqa: S101, PT018
    alpha = 1 - question.confidence
    verdict: TimeVerdict = "UNDECIDED"
    needed: int | None = None
    if one.left_out and not question.allow_lost_blocks:
        return msgspec.structs.replace(one, verdict=verdict, reason=_lost(one.left_out))
    if len(one.crowded) > _CROWDED * one.steady.block_count:
        return msgspec.structs.replace(one, verdict="NOISY", reason=_noisy(one))
    if p_differs <= alpha:
        verdict = "SLOWER" if one.evidence.p_slower < one.evidence.p_faster else "FASTER"
    elif p_same <= alpha:
        verdict = "SAME"
    else:
        log_ratio = math.log(one.steady.ratio)
        needed = blocks_to_settle(log_ratio, one.evidence.scatter, family, question)
    reason = _reason(verdict, one.steady, one.evidence, needed, question, family)
    if one.left_out:
        reason += "; lost blocks were left out (--allow-lost-blocks)"
    return msgspec.structs.replace(one, verdict=verdict, reason=reason, blocks_needed=needed)


def _reason(  # noqa: PLR0917
    verdict: TimeVerdict,
    ratio: Ratio,
    evidence: Evidence,
    needed: int | None,
    question: Question,
    family: int,
) -> str:
    margin = f"{100 * question.margin:g} %"
    if verdict in {"FASTER", "SLOWER"}:
        return f"the confidence interval lies outside the {margin} equivalence margin"
    if verdict == "SAME":
        level = 100 * (2 * question.confidence - 1)
        return f"the {level:g} % confidence interval lies within the {margin} equivalence margin"
    alone = evidence.p_differs <= 1 - question.confidence or evidence.p_same <= (
        1 - question.confidence
    )
    why = f"the confidence interval lies partly within the {margin} margin, partly beyond it"
    if alone:
        why = f"it may be chance among {family} comparisons (Holm correction)"
    if needed is None:
        return (
            f"{why}; more than {_MOST_BLOCKS} blocks would be needed: "
            f"{_hindrance(ratio, evidence, question)}"
        )
    if needed <= ratio.block_count:
        return f"{why}; as many blocks again may settle it"
    return f"{why}; about {needed} blocks would probably settle it"


def _hindrance(ratio: Ratio, evidence: Evidence, question: Question) -> str:
    """Say why so many blocks are needed: for the ratio's place, or for the scatter of blocks."""
    distance = abs(abs(math.log(ratio.ratio)) - question.log_margin)
    scatter = f"the blocks scatter by {100 * evidence.scatter:.0f} %"
    if distance >= question.log_margin:
        return scatter
    near = f"the ratio of {ratio.ratio:.3f} lies near the margin"
    return f"{near}, and {scatter}" if evidence.scatter > question.log_margin else near


def _lost(left_out: Sequence[str]) -> str:
    """Say which blocks keep a verdict back: those that are left may be a selection."""
    others = len(left_out) - _TOLD
    more = f"; {others} more are lost" if others > 0 else ""
    return (
        f"{'; '.join(left_out[:_TOLD])}{more}. What is left may be a selection: run it again, or "
        f"take what is left with --allow-lost-blocks"
    )


def _noisy(one: Contrast) -> str:
    """Say what was seen of the machine, and what to do."""
    assert one.steady is not None  # noqa: S101 - for the types
    return (
        f"the machine was too full in {len(one.crowded)} of {one.steady.block_count} blocks "
        f"({one.crowded[0]}): give each run fewer threads (--threads 1), wait until nothing else "
        f"runs (--wait-for-quiet 10m), or take another machine"
    )


def _too_little(one: Contrast, question: Question) -> str:
    if one.left_out and one.steady is not None and not question.allow_lost_blocks:
        return _lost(one.left_out)
    if one.steady is None:
        return "neither side has a second epoch to compare"
    return "one block gives no interval; run with --blocks 5 for a verdict"
