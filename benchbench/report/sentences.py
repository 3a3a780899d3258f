"""A comparison in words: one sentence a model, with the answer, its uncertainty, what is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import OPEN, Contrast, Question, Ratio
from benchbench.report import over_machines
from benchbench.report.labels import Label, label_of


def sentences(section: Comparison) -> Iterator[str]:
    """Yield a sentence for every model that two cells or more ran of.

    Of several machines there is one for each ratio.
    """
    label = label_of(section, versions=True)
    for model in section.sessions:
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
        return f"On {one.model}, {times} ({_scope(_inverse(ratio), question)}); {same}."
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
    level = f"{100 * question.confidence:g} % intervals"
    settled = [one for one in ratios if one.verdict not in OPEN]
    still_open = [one for one in ratios if one.verdict in OPEN]
    told = (
        f"On {ratios[0].model}, compared with {label(ratios[0].baseline)} ({level}; all train the "
        f"same function): "
    )
    told += "; ".join(_found(one, label) for one in settled) or "nothing is settled"
    if still_open:
        told += f". Not settled: {'; '.join(_open(one, label) for one in still_open)}"
    return f"{told}."


def _found(one: Contrast, label: Label) -> str:
    assert one.steady is not None  # noqa: S101 - a verdict is of a ratio
    ratio = one.steady
    if one.verdict == "FASTER":
        return (
            f"{label(one.cell)} is {1 / ratio.ratio:.2f} times faster{_interval(_inverse(ratio))}"
        )
    same = ", the same within the margin" if one.verdict == "SAME" else ""
    return f"{_took(one, label)}{same}"


def _open(one: Contrast, label: Label) -> str:
    return (
        f"{_took(one, label)}: {one.reason}" if one.steady else f"{label(one.cell)}: {one.reason}"
    )


def _took(one: Contrast, label: Label) -> str:
    assert one.steady is not None  # noqa: S101 - the callers have looked
    ratio = one.steady
    return f"{label(one.cell)} takes {ratio.ratio:.2f} times as long{_interval(ratio)}"


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


def _inverse(ratio: Ratio) -> Ratio:
    """Return the ratio the other way round: the baseline's time over the cell's."""
    return Ratio(
        ratio=1 / ratio.ratio,
        low=1 / ratio.high if ratio.high else None,
        high=1 / ratio.low if ratio.low else None,
        block_count=ratio.block_count,
        pair_count=ratio.pair_count,
    )
