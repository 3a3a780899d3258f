"""A figure that was drawn: what it shows, in words too, and how it becomes a file."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import UsageError, nearest
from benchbench.figures.style import styled
from benchbench.figures.svg import described
from benchbench.files import write_output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("svg", "png", "pdf")
_DOTS_PER_INCH = 200
# A file says when it was made unless told not to: the same records shall make the same bytes.
_UNDATED: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


@dataclass(frozen=True, slots=True)
class Plot:
    """One figure. `alt` says what is to be seen in it; `notes` what it leaves out or sums up."""

    name: str
    title: str
    alt: str
    figure: Figure
    notes: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write an SVG, PNG or PDF, as the name ends. Raises UsageError where that cannot be."""
        target = Path(path)
        kind = kind_of(target)
        try:
            write_output(target, self._bytes(kind))
        except OSError as error:
            raise UsageError(f"cannot write {target}: {error.strerror or error}") from None

    def to_svg(self) -> str:
        """Return the figure as SVG, with title and description inside."""
        return self._bytes("svg").decode()

    def _bytes(self, kind: str) -> bytes:
        file = io.BytesIO()
        with styled(), warnings.catch_warnings():
            # A name in a script that the font lacks shows as boxes; its record has it in full.
            warnings.filterwarnings("ignore", message="Glyph")
            self.figure.savefig(file, format=kind, dpi=_DOTS_PER_INCH, metadata=_UNDATED[kind])
        content = file.getvalue()
        return (
            described(content.decode(), self.title, self.alt).encode() if kind == "svg" else content
        )

    def _repr_svg_(self) -> str:
        return self.to_svg()


def kind_of(path: Path) -> str:
    """Return svg, png or pdf, by the end of the name. Raises UsageError for any other."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in KINDS:
        raise UsageError(
            f"{path}: expected a file whose name ends in .svg, .png or .pdf, the kind of the "
            f"figure{nearest(kind, KINDS) if kind else ''}"
        )
    return kind
