"""Which cell the others are compared with, as a person names it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from benchbench.compare.contrast import CellName
from benchbench.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline that was asked for: "keras", "keras tuned" or "keras-tuned"; None is any."""

    wanted: str | None = None

    def among(self, cells: Set[CellName]) -> CellName | None:
        """Return the cell of this name; a backend alone means its idiomatic division, if it ran.

        Raises UsageError, with the nearest name, where there is none.
        """
        if self.wanted is None:
            return None
        spelled = {_spell(str(cell)): cell for cell in cells}
        found = spelled.get(_spell(self.wanted))
        if found:
            return found
        of_backend = sorted(
            (cell for cell in cells if _spell(cell.backend) == _spell(self.wanted)),
            key=lambda cell: (cell.division != "idiomatic", cell),
        )
        if of_backend:
            return of_backend[0]
        known = sorted({str(cell) for cell in cells} | {cell.backend for cell in cells})
        raise UsageError(
            f"--baseline {self.wanted}: no cell of that name ran{nearest(self.wanted, known)} "
            f"(there are {', '.join(sorted(map(str, cells))) or 'none'})"
        )


def _spell(name: str) -> str:
    return name.replace("-", " ").casefold()
