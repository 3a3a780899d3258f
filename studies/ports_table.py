"""The gallery's outcome as a table: `python studies/ports_table.py > results/ports/ports.md`

Each pair of `tests/ports/pairs.py` is certified as `benchbench certify A B` does it, with one
process a framework and side, and its outcome is set beside what the pair is known to be.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from benchbench.ports.report import PortReport

PORTS = Path(__file__).parents[1] / "tests" / "ports"
sys.path.append(str(PORTS))
_FRAMEWORKS = ("keras", "tensorflow-cpu", "torch", "flax", "jax", "optax")


def main() -> None:
    from conftest import Gallery
    from pairs import RIGHT, WRONG, Pair

    gallery = Gallery()
    rows, right, named = [], 0, 0
    try:
        for pair in (*RIGHT, *WRONG):
            report = gallery(pair.a, pair.b)
            good = as_known(pair, report)
            right += good
            named += bool(pair.rung) and report.trap == pair.trap and good
            rows.append(row(pair, report, good=good))
            print(f"{pair.label}: {'as known' if good else 'OTHERWISE'}", file=sys.stderr)
    finally:
        gallery.end()
    assert isinstance(RIGHT[0], Pair)
    print(
        "# The gallery of ports\n\n"
        "Made by `python studies/ports_table.py > results/ports/ports.md`. Each pair of small "
        "programs of [tests/ports](../../tests/ports/pairs.py)\nwas compared by `benchbench "
        "certify A B`: ports that are right, and ports with one classic mistake each.\n\n"
        f"{versions()}.\n\n"
        f"{right} of {len(RIGHT) + len(WRONG)} came out as they are: {len(RIGHT)} right, "
        f"{len(WRONG)} wrong, of which {named} with the mistake named.\n\n"
        "| first | second | outcome | rung | layer | looks like | as known |\n"
        "|---|---|---|---|---|---|---|"
    )
    print("\n".join(rows))


def as_known(pair, report: PortReport) -> bool:
    """Say whether a pair came out as it is."""
    if not pair.rung:
        return report.same
    return (report.rung, report.trap) == (pair.rung, pair.trap) and pair.layer in report.layer


def row(pair, report: PortReport, *, good: bool) -> str:
    """Return a line of the table."""
    outcome = "the same function" if report.same else "differs"
    cells = (pair.a, pair.b, outcome, report.rung, report.layer, report.trap)
    shown = [cell.replace("|", "\\|") or "-" for cell in cells]
    return f"| {' | '.join((*shown, 'yes' if good else 'NO'))} |"


def versions() -> str:
    """Return the versions of the frameworks at work."""
    found = []
    for name in _FRAMEWORKS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


if __name__ == "__main__":
    main()
