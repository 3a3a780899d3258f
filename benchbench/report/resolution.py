"""What a self-test found, as people read it."""

from __future__ import annotations

from benchbench.compare.resolution import VERDICTS, Resolution
from benchbench.report.document import Document, Grid, Heading, Paragraph, grid


def build(title: str, found: Resolution) -> Document:
    """Return a title, the verdicts that every slow-down got, and what it comes to."""
    headers = ["what was compared", "comparisons", "ratio", *VERDICTS, "chance"]
    rows = [
        [
            f"slowed down by {100 * trial.slowdown:g} %" if trial.slowdown else "the same twice",
            str(trial.count),
            f"{trial.ratio:.3f}",
            *(str(trial.verdicts[verdict]) for verdict in VERDICTS),
            f"{100 * trial.expected_power:.0f} %",
        ]
        for trial in found.trials
    ]
    told = (
        f"False verdicts: {found.false_alarms} of {found.null_count} (by these, a rate of at most "
        f"{100 * found.false_alarm_bound:.0f} %). Blocks scatter by {100 * found.scatter:.1f} %. "
        f"Chance: how often SLOWER is found at that scatter; of the same twice, any false verdict."
    )
    sentence = f"{found.sentence[0].upper()}{found.sentence[1:]}."
    return (
        Heading(title),
        grid(rows, headers, headers[1:]),
        Paragraph(told),
        Paragraph(sentence),
        *_on_machines(found),
    )


def _on_machines(found: Resolution) -> tuple[Grid, Paragraph]:
    """Return what several machines could tell: a row a number of them, a column a difference."""
    betweens = sorted({one.between for one in found.on_machines})
    by_machines = {(one.machines, one.between): one for one in found.on_machines}
    headers = ["machines", *(f"differ by {100 * between:g} %" for between in betweens)]
    rows = [
        [
            str(machines),
            *(_shown(by_machines[machines, one].smallest_slowdown) for one in betweens),
        ]
        for machines in sorted({one.machines for one in found.on_machines})
    ]
    measured = "How much machines differ is not known from one; a comparison of several says it."
    if found.between is not None:
        measured = (
            f"The {found.machines} machines here differ by {100 * found.between:.1f} % in a "
            f"comparison of a backend with itself; with another backend it may be more."
        )
    told = (
        f"On machines like these, {found.blocks} blocks each, at that scatter: the slow-down that "
        f"would be SLOWER on a further machine too, in four cases of five. {measured}"
    )
    return grid(rows, headers, headers), Paragraph(told)


def _shown(slowdown: float) -> str:
    percent = 100 * slowdown
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"
