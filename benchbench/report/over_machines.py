"""What holds on machines like these, as people read it: a table with its legend, sentences."""

from __future__ import annotations

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import Question
from benchbench.compare.over_machines import OverMachines
from benchbench.report import text
from benchbench.report.document import Grid, Paragraph, grid
from benchbench.report.labels import Label

_WORDS = {"model", "backend", "single machines", "verdict"}


def table(section: Comparison, label: Label) -> tuple[Grid, Paragraph]:
    """Return the table of a section's machines taken together, and its legend."""
    level = f"{100 * section.question.confidence:g} %"
    further = f"ratio, further machine ({level})"
    rows = [_row(one, label, further, level) for one in section.over_machines]
    headers = list(rows[0])
    shown = {"model", "backend", "machines", further, "machines differ by", "verdict"}
    found = grid(
        [list(row.values()) for row in rows],
        headers,
        right=[header for header in headers if header not in _WORDS],
        extra=[header for header in headers if header not in shown],
        states=["verdict"],
    )
    return found, Paragraph(_legend(section))


def sentence(one: OverMachines, question: Question, label: Label) -> str:
    """Say what holds on machines like these, or why that is not known."""
    cell, baseline = label(one.cell), label(one.baseline)
    on = f"On {one.model}, on machines like these"
    each = f"Machine by machine: {verdicts(one)}."
    if one.ratio is None:
        return f"{on}, the ratio of {cell} to {baseline} is not known: {one.reason}. {each}"
    if one.verdict == "FASTER":
        times = f"{1 / one.ratio:.2f} times faster than {baseline}"
        return (
            f"{on}, {cell} trains an epoch {times}{_scope(one, question, inverse=True)}; both "
            f"train the same function."
        )
    scope = _scope(one, question)
    if one.verdict == "SLOWER":
        times = f"{one.ratio:.2f} times faster than {cell}"
        return f"{on}, {baseline} trains an epoch {times}{scope}; both train the same function."
    took = f"{cell} takes {one.ratio:.2f} times as long as {baseline}{scope}"
    if one.verdict == "SAME":
        margin = f"{100 * question.margin:g} %"
        return (
            f"{on}, the epochs are equally fast within {margin}: {took}; both train the same "
            f"function."
        )
    return f"{on}, it is not known which is faster: {took}, but {one.reason}. {each}"


def verdicts(one: OverMachines) -> str:
    """Count the verdicts of single machines: FASTER on 3, UNDECIDED on 1."""
    counts = sorted(one.verdicts.items(), key=lambda pair: (-pair[1], pair[0]))
    told = (f"{'no verdict' if name == 'EXPLORATORY' else name} on {n}" for name, n in counts)
    return ", ".join(told)


def _row(one: OverMachines, label: Label, further: str, level: str) -> dict[str, str]:
    return {
        "model": one.model,
        "backend": label(one.cell),
        "machines": str(one.machine_count),
        "blocks": str(one.block_count),
        f"ratio, middle machine ({level})": _ratio(one.ratio, one.low, one.high),
        further: text.UNKNOWN
        if one.predicted_low is None
        else _ratio(one.ratio, one.predicted_low, one.predicted_high),
        "machines differ by": _percent(one.between),
        f"differ by, {level} interval": _range(one.between_low, one.between_high),
        "blocks scatter by": _percent(one.within),
        "I\N{SUPERSCRIPT TWO}": _percent(one.heterogeneity, 0),
        "single machines": verdicts(one),
        "verdict": "no verdict" if one.verdict == "EXPLORATORY" else one.verdict,
    }


def _legend(section: Comparison) -> str:
    question = section.question
    count = sum(one.verdict != "EXPLORATORY" for one in section.over_machines)
    level = f"{100 * question.confidence:g} %"
    family = f"; verdicts are Holm-corrected for {count} comparisons" if count > 1 else ""
    return (
        f"Over machines: the time ratio of the middle machine, and in brackets the {level} "
        f"prediction interval of a further machine of this kind, on which the verdict rests. "
        f"Times within {100 * question.margin:g} % of each other count as the same{family}. "
        f"Machines differ by: the standard deviation of their true ratios. Seconds of several "
        f"machines are not pooled."
    )


def _scope(one: OverMachines, question: Question, *, inverse: bool = False) -> str:
    machines = f"{one.machine_count} machines, {one.block_count} blocks"
    low, high = one.predicted_low, one.predicted_high
    if low is None or high is None:
        return f" ({machines})"
    if inverse:
        low, high = 1 / high, 1 / low
    level = f"{100 * question.confidence:g} % prediction interval"
    return f" (a further machine: {level} {low:.2f} to {high:.2f}; {machines})"


def _ratio(ratio: float | None, low: float | None, high: float | None) -> str:
    if ratio is None:
        return text.UNKNOWN
    return f"{ratio:.3f}" if low is None or high is None else f"{ratio:.3f} ({low:.3f}-{high:.3f})"


def _percent(value: float | None, decimals: int = 1) -> str:
    return text.UNKNOWN if value is None else f"{100 * value:.{decimals}f} %"


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return text.UNKNOWN
    return f"{100 * low:.1f} to {100 * high:.1f} %"
