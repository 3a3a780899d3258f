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
    for part, actual in examined.content.sha256.items():
        state = "as expected" if examined.expected.get(part) == actual else "DIFFERENT"
        place = examined.content.places[part]
        rows.append([part, place, actual, state if examined.expected else "nothing expected"])
    header = [examined.name, "file", "SHA-256 of the decoded IDX content", "state"]
    return (grid(rows, header),)
