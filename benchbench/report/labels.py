"""How cells and machines are named in tables and sentences."""

from __future__ import annotations

from collections.abc import Callable

from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import CellName

Label = Callable[[CellName], str]


def label_of(section: Comparison) -> Label:
    """Return how cells are named: without the division where all are idiomatic."""
    names = {row.cell.name for row in section.rows} | {one.cell for one in section.not_comparable}
    if all(name.division == "idiomatic" for name in names):
        return lambda name: " ".join(filter(None, (name.backend, name.variant)))
    return str


def machine_label(host: str | None) -> str:
    """Name a machine, as its records do."""
    return host or "without a name"
