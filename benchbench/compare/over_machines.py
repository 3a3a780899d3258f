"""From the ratios of single machines to what may be said of machines like these.

A machine counts by the mean of its blocks' log-ratios; seconds are never pooled. The verdict is of
a further machine of the kind, by the prediction interval: that the middle machine is faster says
little to whoever has another one. Where pooling is not sound there is no verdict, and the figures
say why.

All machines of a kind are taken to have one scatter of blocks: of two or five blocks each by itself
would hardly be known. What that costs where it is not so: results/fleet/fleet.md.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from benchbench.compare.contrast import CellName, Contrast, Question, TimeVerdict
from benchbench.compare.model_runs import ModelRuns
from benchbench.compare.poolable import (
    LEAST_MACHINES,
    LEAST_PREDICTED,
    Fleet,
    objections,
    outlier,
)
from benchbench.compare.random_effects import RandomEffects
from benchbench.compare.verdicts import holm


class OverMachines(msgspec.Struct, frozen=True, kw_only=True):
    """One cell against the baseline of its model, over the machines of one kind.

    `ratio` is that of the middle machine, `low` and `high` its confidence interval;
    `predicted_low` and `predicted_high` are the prediction interval of a further machine, and the
    p-values are against "a further machine is not faster by more than the margin", and so on.
    Standard deviations of log-ratios: `between` is that of the machines' true ones, with its
    interval, `within` that of the blocks of one machine. `heterogeneity` is I squared, a fraction.
    Null is unknown. `verdicts` counts the machines' own; `left_out` says which machines and blocks
    are not counted. `verdict` is EXPLORATORY where pooling is not sound, which `reason` says.
    """

    model: str
    cell: CellName
    baseline: CellName
    machine_count: int
    block_count: int
    verdicts: dict[TimeVerdict, int]
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    predicted_low: float | None = None
    predicted_high: float | None = None
    p_faster: float | None = None
    p_slower: float | None = None
    p_same: float | None = None
    between: float | None = None
    between_low: float | None = None
    between_high: float | None = None
    within: float | None = None
    heterogeneity: float | None = None
    left_out: tuple[str, ...] = ()
    verdict: TimeVerdict = "EXPLORATORY"
    reason: str = ""


def over_machines(
    contrasts: Sequence[Contrast],
    machines: Mapping[str, Sequence[ModelRuns]],
    lost: Mapping[str, str],
    question: Question,
) -> tuple[OverMachines, ...]:
    """Pool the judged contrasts of a section: a row a cell of each model that several machines ran.

    `machines` are all of the section by model, and `lost` says which blocks left no record on any.
    """
    pairs: dict[tuple[str, CellName, CellName], list[Contrast]] = defaultdict(list)
    for one in contrasts:
        pairs[one.model, one.cell, one.baseline].append(one)
    rows = [
        _pooled(Fleet(some, machines[model], lost.get(model, "")), question)
        for (model, *_), some in pairs.items()
        if len(machines[model]) > 1
    ]
    return judge_rows(rows, question)


def judge_rows(rows: Sequence[OverMachines], question: Question) -> tuple[OverMachines, ...]:
    """Give a verdict to every row that has no `reason` against one, all being one table."""
    sound = [one for one in rows if not one.reason]
    differs = iter(holm([_p_differs(one) for one in sound]))
    same = iter(holm([one.p_same or 0.0 for one in sound]))
    return tuple(
        one if one.reason else _judged(one, next(differs), next(same), len(sound), question)
        for one in rows
    )


def random_effects(
    means: Sequence[float], scatters: Sequence[float], counts: Sequence[int]
) -> tuple[RandomEffects, float]:
    """Return the effects of machines and the scatter of their blocks, pooled over the machines.

    Of each machine: the mean of its blocks' log-ratios, their standard deviation and their number.
    The scatter of a machine with one block is not looked at; at least one has two.
    """
    freedoms = np.array(counts, np.float64) - 1
    squares = np.where(freedoms > 0, np.square(np.array(scatters, np.float64)), 0.0)
    variance = float(freedoms @ squares / freedoms.sum())
    effects = RandomEffects(
        np.array(means, np.float64), variance / (freedoms + 1), float(freedoms.sum())
    )
    return effects, math.sqrt(variance)


def estimates(effects: RandomEffects, within: float, question: Question) -> dict[str, float]:
    """Return the fields that hold figures: of too few machines only those that can be told."""
    found = {"ratio": math.exp(effects.value), "within": within}
    if effects.machine_count < LEAST_MACHINES:
        return found
    low, high = effects.interval(question.confidence)
    between_low, between_high = effects.between_interval(question.confidence)
    found |= {
        "low": math.exp(low),
        "high": math.exp(high),
        "between": effects.between,
        "between_low": between_low,
        "between_high": between_high,
        "heterogeneity": effects.heterogeneity,
    }
    if effects.machine_count < LEAST_PREDICTED:
        return found
    margin, prediction = question.log_margin, effects.prediction
    predicted_low, predicted_high = prediction.interval(question.confidence)
    return found | {
        "predicted_low": math.exp(predicted_low),
        "predicted_high": math.exp(predicted_high),
        "p_faster": prediction.p_below(-margin),
        "p_slower": prediction.p_above(margin),
        "p_same": max(prediction.p_above(-margin), prediction.p_below(margin)),
    }


def _pooled(fleet: Fleet, question: Question) -> OverMachines:
    """Return what one cell comes to over its machines; a `reason` says why there is no verdict."""
    counted, counts = fleet.counted, fleet.block_counts
    first = fleet.rows[0]
    found = OverMachines(
        model=first.model,
        cell=first.cell,
        baseline=first.baseline,
        machine_count=len(counted),
        block_count=sum(counts),
        verdicts=dict(Counter(one.verdict for one in fleet.rows)),
        left_out=(*fleet.noisy, *fleet.losses),
        reason=next(objections(fleet, question), ""),
    )
    if len(counted) < 2 or max(counts) < 2:
        return found
    logs = [math.log(one.steady.ratio) for one in counted if one.steady]
    scatters = [one.evidence.scatter if one.evidence else 0.0 for one in counted]
    effects, within = random_effects(logs, scatters, counts)
    figures = estimates(effects, within, question)
    reason = found.reason or outlier(fleet, effects) or ""
    return msgspec.structs.replace(found, **figures, reason=reason)


def _p_differs(one: OverMachines) -> float:
    return min(1.0, 2 * min(one.p_faster or 0.0, one.p_slower or 0.0))


def _judged(
    one: OverMachines, p_differs: float, p_same: float, family: int, question: Question
) -> OverMachines:
    alpha = 1 - question.confidence
    verdict: TimeVerdict = "UNDECIDED"
    if p_differs <= alpha:
        verdict = "SLOWER" if (one.p_slower or 0.0) < (one.p_faster or 0.0) else "FASTER"
    elif p_same <= alpha:
        verdict = "SAME"
    reason = _reason(one, verdict, family, question)
    if one.left_out:
        reason += f"; {len(one.left_out)} machines or blocks were left out"
    return msgspec.structs.replace(one, verdict=verdict, reason=reason)


def _reason(one: OverMachines, verdict: TimeVerdict, family: int, question: Question) -> str:
    margin = f"{100 * question.margin:g} %"
    interval = "prediction interval of a further machine"
    if verdict in {"FASTER", "SLOWER"}:
        level = 100 * question.confidence
        return f"the {level:g} % {interval} lies outside the {margin} equivalence margin"
    if verdict == "SAME":
        level = 100 * (2 * question.confidence - 1)
        return f"the {level:g} % {interval} lies within the {margin} equivalence margin"
    alpha = 1 - question.confidence
    if _p_differs(one) <= alpha or (one.p_same or 0.0) <= alpha:
        return f"it may be chance among {family} comparisons (Holm correction)"
    told = f"the {interval} lies partly within the {margin} margin, partly beyond it"
    return f"{told}; {_remedy(one, question)}"


def _remedy(one: OverMachines, question: Question) -> str:
    """Say what would narrow the prediction interval, if machines differ as it seems."""
    from scipy import special

    assert one.ratio is not None and one.between is not None  # noqa: S101, PT018 - for the types
    differ = f"machines differ by {100 * one.between:.1f} %"
    distance = abs(abs(math.log(one.ratio)) - question.log_margin)
    if distance <= special.ndtri((1 + question.confidence) / 2) * one.between:
        return f"{differ}, so that no number of machines would settle it"
    if (one.heterogeneity or 0.0) > 0.5:
        return f"{differ}: more machines would narrow it, more blocks hardly"
    return "more blocks on each machine, or more machines, would narrow it"
