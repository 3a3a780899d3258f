"""The documents of `benchbench data`: where data sets are, and what their hashes are."""

from __future__ import annotations

from collections.abc import Iterable

from benchbench.data.survey import Examined, SearchedPlace
from benchbench.report.document import Document, Paragraph, grid


def build_survey(findings: Iterable[SearchedPlace], taken: str) -> Document:
    """Return a row a place, what is wrong at one, and what `--dataset auto` would take."""
    rows = [[one.dataset, one.place, str(one.path), one.state] for one in findings]
    faults = [Paragraph(f"{one.state}: {one.fault}") for one in findings if one.fault]
    table = grid(rows, ["data set", "place", "path", "state"])
    return (table, *faults, Paragraph(f"--dataset auto would take: {taken}"))


def build_hashes(examined: Examined) -> Document:
    """Return a row a part: its hash, and whether it is the expected one."""
    rows = []
    for one in examined.hashes:
        state = "as expected" if one.expected == one.actual else "DIFFERENT"
        rows.append(
            [one.part, one.place, one.actual, state if one.expected else "nothing expected"]
        )
    header = [examined.name, "file", examined.of, "state"]
    return (grid(rows, header),)
