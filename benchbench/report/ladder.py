"""A certificate as people read it: the ladder, a line a rung, and what a break looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby

from benchbench.certificates import Certificate, Rung
from benchbench.report import text
from benchbench.report.document import Block, Document, Paragraph, Verbatim, grid

_MARKS = {"holds": "✓", "deviates": "~", "breaks": "✗", "not reached": text.UNKNOWN}

_CURE = "usual causes and their cures: docs/when-a-certificate-breaks.md"


def build(certificate: Certificate) -> Document:
    """Return one certificate's ladder."""
    starts = list(dict.fromkeys(s for rung in certificate.rungs for s in rung.differences))
    columns = [start for start in starts if start != "all"]
    rows = [_row(rung, columns) for rung in certificate.rungs]
    source = "source of the tolerance"
    headers = ["", "rung", *columns, "largest", "tolerance", source, "what is measured"]
    title = (
        f"{certificate.backend} {certificate.division}, {certificate.model}, "
        f"{certificate.device}, threads {certificate.threads}, batches of "
        f"{certificate.batch_size}, seed {certificate.seed}, against {certificate.reference}"
    )
    blocks: list[Block] = [
        Paragraph(title),
        grid(
            rows,
            headers,
            [*columns, "largest", "tolerance"],
            extra=[*columns, source],
            states=[""],
        ),
    ]
    blocks.append(Paragraph(verdict(certificate)))
    if certificate.traceback:
        blocks.append(Verbatim(certificate.traceback.rstrip()))
    return tuple(blocks)


def verdict(certificate: Certificate) -> str:
    """Say in a sentence or two how it ended."""
    broken = certificate.broken
    if broken:
        return f"BREAKS at {broken.summary}\n{broken.explanation}\n{_CURE}"
    if certificate.deviations:
        declared = "; ".join(f"{rung.name}: {rung.explanation}" for rung in certificate.deviations)
        return f"DEVIATES as declared, and holds in all else: {declared}"
    return f"HOLDS: it trains the function of the spec (certified in {certificate.seconds:.1f} s)"


def diagnosis(certificate: Certificate) -> str | None:
    """Say what a break looks like and where its cure stands; None where nothing breaks."""
    broken = certificate.broken
    if not broken:
        return None
    return f"  {broken.explanation}\n  {_CURE}; `benchbench certify` shows every comparison"


def summary(certificates: Sequence[Certificate]) -> Document:
    """Return a table of many: a row each, the worst difference at every rung."""
    measured = _measured(certificates)
    headers = ["model", "backend", "division", "device", "certificate", *measured]
    rows = []
    for one in certificates:
        worst = {rung.name: _worst(rung) for rung in one.rungs}
        cells = [worst.get(name, text.UNKNOWN) for name in measured]
        rows.append([one.model, one.backend, one.division, one.device, one.verdict, *cells])
    return (grid(rows, headers, right=measured, extra=measured, states=["certificate"]),)


def spread(certificates: Sequence[Certificate]) -> Document:
    """Return a table of the largest difference at each rung, by backend and division."""
    measured = _measured(certificates)
    rows = [
        [*cell, text.count(len(own)), *_largest(own, measured)]
        for cell, own in _grouped(certificates, lambda one: (one.backend, one.division))
    ]
    headers = ["backend", "division", "certificates", *measured]
    return (grid(rows, headers, right=["certificates", *measured]),)


def cells(certificates: Sequence[Certificate]) -> Document:
    """Return a table of every cell: over how many seeds, verdict, largest differences."""
    measured = _measured(certificates)
    rows = [
        [
            *cell,
            text.count(len({one.seed for one in own})),
            _verdicts(own),
            *_largest(own, measured),
        ]
        for cell, own in _grouped(
            certificates, lambda one: (one.model, one.backend, one.division, one.device)
        )
    ]
    headers = ["model", "backend", "division", "device", "seeds", "certificates", *measured]
    return (grid(rows, headers, right=["seeds", *measured]),)


def _measured(certificates: Sequence[Certificate]) -> list[str]:
    """Return the rungs that have a difference to show, in ladder order."""
    names = dict.fromkeys(rung.name for one in certificates for rung in one.rungs)
    return [name for name in names if name not in {"data", "architecture", "order"}]


def _grouped(
    certificates: Sequence[Certificate], key: Callable[[Certificate], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[Certificate]]]:
    return [(of, list(own)) for of, own in groupby(sorted(certificates, key=key), key)]


def _largest(certificates: Sequence[Certificate], rung_names: Sequence[str]) -> list[str]:
    """Return the largest difference at each rung; unknown where one is no finite number."""
    largest = []
    for name in rung_names:
        rungs = [rung for one in certificates for rung in one.rungs if rung.name == name]
        worst = [rung.worst for rung in rungs if rung.verdict != "not reached"]
        known = [value for value in worst if value is not None]
        finite = known and len(known) == len(worst)
        largest.append(_number(max(known)) if finite else text.UNKNOWN)
    return largest


def _verdicts(certificates: Sequence[Certificate]) -> str:
    """Return "holds", or "holds 19, breaks 1"."""
    counts = Counter(one.verdict for one in certificates)
    if len(counts) == 1:
        return certificates[0].verdict
    return ", ".join(f"{verdict} {number}" for verdict, number in counts.most_common())


def _row(rung: Rung, starts: Sequence[str]) -> list[str]:
    differences = [_difference(rung, start) for start in starts]
    tolerance = f"{rung.tolerance:.0e}" if rung.tolerance else "0"
    mark, largest = _MARKS[rung.verdict], _worst(rung) if rung.differences else ""
    return [mark, rung.name, *differences, largest, tolerance, rung.source, rung.measure]


def _difference(rung: Rung, start: str) -> str:
    key = "all" if "all" in rung.differences else start
    if key not in rung.differences:
        return ""
    value = rung.differences[key]
    return text.UNKNOWN if value is None else _number(value)


def _worst(rung: Rung) -> str:
    return _number(rung.worst) if rung.worst is not None else text.UNKNOWN


def _number(value: float) -> str:
    return f"{value:.1e}" if value else "0"
