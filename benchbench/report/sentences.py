"""A comparison in words: one sentence a model, with the answer, its uncertainty, what is open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import OPEN, Contrast, Question, Ratio
from benchbench.compare.ranking import Ranking, rank
from benchbench.report import over_machines
from benchbench.report.labels import Label, label_of

# A short answer names no more cells of a kind.
_MOST_TOLD = 4


def sentences(section: Comparison, only: str | None = None) -> Iterator[str]:
    """Yield a sentence for every model, or one only, that two cells or more ran of.

    Of several machines there is one for each ratio.
    """
    label = label_of(section, versions=True)
    for model in section.sessions if only is None else [only]:
        together = [one for one in section.over_machines if one.model == model]
        if together:
            yield from (over_machines.sentence(one, section.question, label) for one in together)
            continue
        ratios = [one for one in section.contrasts if one.model == model]
        cells = {one.name for one in section.cells if one.model == model}
        cells |= {one.cell for one in section.not_comparable if one.model == model}
        if len(ratios) == 1:
            yield _one(ratios[0], section.question, label)
        elif ratios:
            yield _several(ratios, section.question, label)
        elif len(cells) > 1:
            yield (
                f"On {model}, it is not known what is faster, nor whether all train the same "
                f"function: no two cells can be compared, for the reasons below."
            )


def _one(one: Contrast, question: Question, label: Label) -> str:
    cell, baseline = label(one.cell), label(one.baseline)
    same = "both train the same function"
    ratio = one.steady
    if ratio is None:
        return f"On {one.model}, the time ratio of {cell} to {baseline} is not known: {one.reason}."
    scope = f" ({_scope(ratio, question)})"
    if one.verdict == "FASTER":
        times = f"{cell} trains an epoch {1 / ratio.ratio:.2f} times faster than {baseline}"
        return f"On {one.model}, {times} ({_scope(ratio.inverse, question)}); {same}."
    if one.verdict == "SLOWER":
        times = f"{baseline} trains an epoch {ratio.ratio:.2f} times faster than {cell}"
        return f"On {one.model}, {times}{scope}; {same}."
    took = f"{cell} takes {ratio.ratio:.2f} times as long as {baseline}{scope}"
    if one.verdict == "SAME":
        margin = f"{100 * question.margin:g} %"
        return f"On {one.model}, the epochs are equally fast within {margin}: {took}; {same}."
    return (
        f"On {one.model}, it is not known which is faster: {took}, but {one.reason}. "
        f"{same.capitalize()}."
    )


def _several(ratios: Sequence[Contrast], question: Question, label: Label) -> str:
    """Say which epochs are the shortest, then every ratio, the shortest times first."""
    ranking = rank(ratios)
    ranked = ranking.contrasts
    told = f"On {ranked[0].model}, all train the same function; {_lead(ranking, label)}"
    found = "; ".join(_found(one, label) for one in ranked if one.verdict not in OPEN)
    if found:
        level = f"{100 * question.confidence:g} % intervals"
        told += f". Compared with {label(ranked[0].baseline)} ({level}): {found}"
    reasons: dict[str, list[str]] = defaultdict(list)
    for one in ranked:
        if one.verdict in OPEN:
            reasons[one.reason].append(_found(one, label))
    still_open = "; ".join(f"{', '.join(names)}: {_bare(why)}" for why, names in reasons.items())
    return f"{told}. Not settled: {still_open}." if still_open else f"{told}."


def brief(ratios: Sequence[Contrast], question: Question, label: Label) -> str:
    """Return the answer for one model of many cells: which epochs are the shortest, how sure.

    Where there are several divisions, the other cells of the baseline's own follow.
    """
    ranking = rank(ratios)
    ranked, best = list(ranking.contrasts), ranking.fastest
    baseline = ranked[0].baseline
    told = _lead(ranking, label)
    if best and best.steady:
        told += f" ({_scope(best.steady.inverse, question)})"
        close = [_figure(one, label) for one in ranking.not_told_apart]
        told += f"; not told apart from {'; '.join(close[:_MOST_TOLD])}" if close else ""
    alike = [one for one in ranked if one.cell.division == baseline.division]
    several = len(alike) < len(ranked)
    if alike and several:
        told += f". The {baseline.division} cells alone, against {baseline.without_division}: "
        told += _with_verdicts(alike, lambda name: name.without_division)
        ranked = [one for one in ranked if one not in alike]
    if still_open := [one for one in ranked if one.verdict in OPEN]:
        names = ", ".join(label(one.cell) for one in still_open)
        named = f"{names} (the table says why)"
        told += f". Not settled: {named if several else _with_verdicts(still_open, label)}"
    return f"{told}."


def _with_verdicts(ratios: Sequence[Contrast], label: Label) -> str:
    """Return what was found of the first few; what is open has its verdict and its reason."""
    told = [
        f"{_found(one, label)}{f', {_open(one)}' if one.verdict in OPEN else ''}"
        for one in ratios[:_MOST_TOLD]
    ]
    more = len(ratios) - _MOST_TOLD
    return "; ".join([*told, f"{more} more"] if more > 0 else told)


def _open(one: Contrast) -> str:
    """Return an open verdict and why: an interval alone may look as if it said more."""
    return f"{one.verdict}: {_bare(one.reason.partition('; ')[0])}"


def _lead(ranking: Ranking, label: Label) -> str:
    best, baseline = ranking.fastest, label(ranking.contrasts[0].baseline)
    if best is None or best.steady is None:
        return f"none is shown to be faster than {baseline}"
    first = best is ranking.contrasts[0]
    has = "has the shortest epochs" if first else "is the fastest that has a verdict"
    return f"{label(best.cell)} {has}, {1 / best.steady.ratio:.2f} times faster than {baseline}"


def _found(one: Contrast, label: Label) -> str:
    ratio = one.steady
    if ratio is None:
        return label(one.cell)
    if one.verdict == "FASTER":
        return f"{label(one.cell)} is {1 / ratio.ratio:.2f} times faster{_interval(ratio.inverse)}"
    same = ", the same within the margin" if one.verdict == "SAME" else ""
    return f"{label(one.cell)} takes {ratio.ratio:.2f} times as long{_interval(ratio)}{same}"


def _bare(reason: str) -> str:
    """Return a reason without its subject: "may be chance", "too few blocks"."""
    return reason.removeprefix("it is ").removeprefix("it ")


def _figure(one: Contrast, label: Label) -> str:
    """Return "torch tuned, 1.63 times faster than the baseline (1.39 to 1.92)"."""
    ratio = one.steady
    if ratio is None:
        return label(one.cell)
    if one.verdict == "FASTER":
        inverse = ratio.inverse
        times = f"{inverse.ratio:.2f} times faster than the baseline{_interval(inverse)}"
    else:
        times = f"{ratio.ratio:.2f} times as long as the baseline{_interval(ratio)}"
    return f"{label(one.cell)}, {times}"


def _scope(ratio: Ratio, question: Question) -> str:
    """Return "95 % interval 1.31 to 1.55, 3 blocks"."""
    blocks = f"{ratio.block_count} block{'' if ratio.block_count == 1 else 's'}"
    if ratio.low is None or ratio.high is None:
        return f"{blocks}, no interval"
    level = f"{100 * question.confidence:g} % interval"
    return f"{level} {ratio.low:.2f} to {ratio.high:.2f}, {blocks}"


def _interval(ratio: Ratio) -> str:
    if ratio.low is None or ratio.high is None:
        return ""
    return f" ({ratio.low:.2f} to {ratio.high:.2f})"
