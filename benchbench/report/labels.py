"""How cells and machines are named in tables and sentences."""

from __future__ import annotations

from collections.abc import Callable

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import CellName
from benchbench.compare.rows import differing_versions

Label = Callable[[CellName], str]


def label_of(section: Comparison, *, versions: bool = False) -> Label:
    """Return how cells are named: without the division where all are idiomatic.

    `versions`: with those in which cells of one backend differ, as in two environments.
    """
    names = {row.cell.name for row in section.rows} | {one.cell for one in section.not_comparable}
    idiomatic = all(name.division == "idiomatic" for name in names)
    told = differing_versions(section.rows) if versions else {}

    def label(name: CellName) -> str:
        words = name.without_division if idiomatic else str(name)
        return f"{words} ({told[name]})" if name in told else words

    return label


def machine_label(host: str | None) -> str:
    """Name a machine, as its records do."""
    return host or "without a name"
