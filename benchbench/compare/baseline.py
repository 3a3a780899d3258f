"""Which cell the others are compared with, as a person names it."""

from __future__ import annotations

from collections.abc import Sequence, Set
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
            (cell for cell in cells if self._spellings & _names_of_backend(cell)),
            key=lambda cell: (cell.division != "idiomatic", cell),
        )
        if of_backend:
            return self._only(of_backend)
        known = sorted({str(cell) for cell in cells} | {cell.backend_there for cell in cells})
        raise UsageError(
            f"--baseline {self.wanted}: no cell of that name ran{nearest(self.wanted, known)} "
            f"(there are {', '.join(sorted(map(str, cells))) or 'none'})"
        )

    def _only(self, cells: Sequence[CellName]) -> CellName:
        """Return the first cell, unless it has rivals. Raises UsageError then."""
        first = cells[0]
        rivals = [cell for cell in cells if cell.division == first.division]
        if first.variant and len(rivals) > 1:
            raise UsageError(
                f"--baseline {self.wanted}: expected one cell, but "
                f"{', '.join(map(str, rivals))} are all called so: name one of them"
            )
        return first

    @property
    def _spellings(self) -> set[str]:
        """The name as it is, and with an environment by the last part of its path."""
        backend, at, place = (self.wanted or "").partition("@")
        last = place.rstrip("/").rpartition("/")[2]
        return {_spell(self.wanted or ""), _spell(f"{backend}{at}{last}")}


def _names_of_backend(cell: CellName) -> set[str]:
    backend, at, place = cell.backend_there.partition("@")
    last = place.rpartition("/")[2]
    names = (cell.backend, cell.backend_there, cell.without_division, f"{backend}{at}{last}")
    return set(map(_spell, names))


def _spell(name: str) -> str:
    return name.replace("-", " ").casefold()
