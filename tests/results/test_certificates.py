"""What stands in `results/certificates` comes from the certificates there, as do the tolerances."""

from __future__ import annotations

from pathlib import Path

import msgspec
from faulty import FAULTS
from faulty.late import FAULTS as LATE_FAULTS
from faulty.late import RUNGS as LATE_RUNGS

from benchbench.certificates import Certificate
from benchbench.certify.tolerances import MARGIN, tolerances
from benchbench.certify.tolerances import derive as derive_tolerances
from benchbench.report import ladder
from benchbench.report.renderers import markdown
from benchbench.run.archive import read_archive
from benchbench.spec.catalog import MODELS

ROOT = Path(__file__).parents[2]
CERTIFICATES = ROOT / "results" / "certificates"
CELLS = {
    ("numpy", "idiomatic"),
    ("torch", "idiomatic"),
    ("torch", "tuned"),
    ("keras", "idiomatic"),
    ("keras", "tuned"),
    ("keras-torch", "idiomatic"),
    ("keras-jax", "idiomatic"),
}


def certificates(name="certificates"):
    """Return what `results/certificates` holds: a list a cell, a certificate a seed."""
    entries = read_archive(CERTIFICATES / f"{name}.jsonl.gz")
    lists = [msgspec.json.decode(entry.content, type=list[Certificate]) for entry in entries]
    return [one for cell in lists for one in cell]


def test_every_cell_has_a_certificate_for_each_of_twenty_seeds():
    found = certificates()
    assert all(one.genuine for one in found)
    assert {one.verdict for one in found} == {"holds"}
    expected = {
        (model, *cell, "cpu", seed) for model in MODELS for cell in CELLS for seed in range(20)
    }
    made = [(one.model, one.backend, one.division, one.device, one.seed) for one in found]
    assert set(made) == expected
    assert len(made) == len(expected)


def test_the_tables_of_certificates_are_what_the_command_makes_of_them():
    found = certificates()
    assert (CERTIFICATES / "certificates.md").read_text().strip() == markdown.render(
        ladder.cells(found)
    )
    spread = markdown.render(ladder.spread(found))
    assert (CERTIFICATES / "spread.md").read_text().strip() == spread
    page = (ROOT / "docs" / "measured.md").read_text()
    assert all(line in page for line in spread.splitlines())


def test_every_late_fault_is_published_and_caught_in_every_model():
    table = (CERTIFICATES / "late.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    found = {row[0]: row[2:] for row in rows if row}
    page = (ROOT / "docs" / "measured.md").read_text()
    for fault in LATE_FAULTS:
        assert all(found[fault.name]), fault.name
    assert f"**{len(LATE_FAULTS)} of {len(LATE_FAULTS)}, in each of four models**" in page


def test_the_published_score_is_of_every_fault_there_is():
    table = (CERTIFICATES / "mutations.md").read_text()
    scored = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    for fault in FAULTS:
        assert scored.count(fault.name) == 1, fault.name
    score = f"{len(FAULTS)} of {len(FAULTS)} faults caught, {len(FAULTS)} at the rung"
    assert score in table
    page = (ROOT / "docs" / "measured.md").read_text()
    assert f"{len(FAULTS)} of {len(FAULTS)} faults are caught" in page


def test_the_tolerances_come_from_the_certificates_beside_them():
    """Some are rounded up further by hand; none below the margin above what was seen."""
    ten_steps = derive_tolerances(certificates())
    late = [one for one in derive_tolerances(certificates("late")) if one.rung in LATE_RUNGS]
    derived = {(one.rung, one.smooth): one for one in [*ten_steps, *late]}
    assert derived.keys() == tolerances().keys()
    page = (ROOT / "docs" / "measured.md").read_text()
    for (rung, smooth), shipped in tolerances().items():
        found = derived[rung, smooth]
        for field in ("largest_seen", "seen_in", "certificates", "seeds"):
            assert getattr(shipped, field) == getattr(found, field)
        assert shipped.tolerance >= MARGIN * shipped.largest_seen
        least, taken = f"{found.tolerance:.0e}", f"{shipped.tolerance:.0e}"
        name = f"{rung}, smooth" if smooth else rung
        assert f"| {name} | {shipped.largest_seen:.1e} | {least} | {taken} |" in page
