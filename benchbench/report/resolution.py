"""What a self-test found, as people read it."""

from __future__ import annotations

from benchbench.compare.resolution import VERDICTS, Resolution
from benchbench.report.document import Document, Heading, Paragraph, grid


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
    return Heading(title), grid(rows, headers, headers[1:]), Paragraph(told), Paragraph(sentence)
