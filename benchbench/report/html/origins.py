"""Where a page's figures come from: certificates, environments and provenance of the records."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from benchbench.certificates import Certificate, Rung
from benchbench.compare.cells import machine_name
from benchbench.compare.contrast import cell_name
from benchbench.records import RunRecord
from benchbench.report import ladder, text
from benchbench.report.document import Block, CodeText, Document, Facts, Paragraph, grid
from benchbench.report.html import commands

_MOST_SESSIONS = 40
_MOST_BREAKS = 20
# Each run has a folder of its own for caches, which differs by nothing but its name.
_OWN_FOLDER = r"\bbenchbench-[a-z0-9_]{8}\b"


def certificates(records: Iterable[RunRecord]) -> Document:
    """Return a row a certificate, a column a rung: verdict and largest difference."""
    found: dict[str, Certificate] = {}
    for record in records:
        if record.certificate:
            found.setdefault(record.certificate.sha256, record.certificate)
    if not found:
        return (Paragraph("No run has a certificate: what it trained was not compared."),)
    rungs = list(dict.fromkeys(rung.name for one in found.values() for rung in one.rungs))
    rows = [
        [one.model, one.backend, one.division, one.device, one.verdict, *_rungs(one, rungs)]
        for one in found.values()
    ]
    headers = ["model", "backend", "division", "device", "certificate", *rungs]
    broken = [one for one in found.values() if one.broken]
    words = Paragraph(
        "Each rung compares one thing with a reference in float64; a number is the largest "
        "difference, relative where it can be, which a rung's tolerance bounds. "
        "A rung after a break is not reached."
    )
    told = [ladder.verdict(one) for one in broken[:_MOST_BREAKS]]
    if len(broken) > _MOST_BREAKS:
        told.append(f"{len(broken) - _MOST_BREAKS} more certificates break: see the table.")
    return (words, grid(rows, headers), *map(Paragraph, told))


def _rungs(certificate: Certificate, names: Sequence[str]) -> Iterator[str]:
    by_name = {rung.name: rung for rung in certificate.rungs}
    for name in names:
        rung = by_name.get(name)
        if rung is None:
            yield text.UNKNOWN
        elif rung.worst is None:
            yield _state(rung)
        else:
            size = f"{rung.worst:.1e}" if rung.worst else "0"
            yield f"{_state(rung)}, {size}"


def _state(rung: Rung) -> str:
    return "BREAKS" if rung.verdict == "breaks" else rung.verdict


def environments(records: Sequence[RunRecord]) -> Document:
    """Return what differs between the runs' versions, settings, variables and machines."""
    values: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    cells = {str(cell_name(record)) for record in records}
    for record in records:
        name = str(cell_name(record))
        for place, value in _facts(record):
            values[place][value].add(name)
    rows = []
    for (kind, key), by_value in sorted(values.items()):
        named = set().union(*by_value.values())
        if len(by_value) == 1 and named == cells:
            continue
        rows += [
            [kind, key, value, _cells(names, cells)] for value, names in sorted(by_value.items())
        ]
    if not rows:
        return (Paragraph("Nothing that the records hold differs between the runs."),)
    return (grid(rows, ["kind", "name", "value", "cells"]),)


def _facts(record: RunRecord) -> Iterator[tuple[tuple[str, str], str]]:
    for name, version in record.versions.items():
        yield ("version", name), version
    for name, setting in record.settings.items():
        # Floats among the settings are measured ones, and differ in every run.
        if not isinstance(setting, float):
            yield ("setting", name), str(setting)
    for name, value in record.environment.items():
        yield ("variable", name), re.sub(_OWN_FOLDER, "benchbench-*", value)
    yield ("machine", "processor"), machine_name(record)
    yield ("machine", "system"), record.machine.system
    yield ("machine", "Python"), record.machine.python
    yield ("run", "threads"), str(record.threads)


def _cells(names: set[str], everything: set[str]) -> str:
    if names == everything:
        return "all"
    listed = sorted(names)
    more = f" and {len(listed) - 12} more" if len(listed) > 12 else ""
    return f"{', '.join(listed[:12])}{more}"


def provenance(records: Sequence[RunRecord], version: str) -> Document:
    """Return the sessions, the hashes of specs and data, and how the page is made again."""
    sessions: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        sessions[record.session_id].append(record)
    newest = sorted(sessions.items(), key=lambda one: one[1][0].started)[-_MOST_SESSIONS:]
    rows = [
        [
            session,
            min(run.started for run in runs),
            max(run.finished for run in runs),
            text.count(len(runs)),
            text.count(len({run.block for run in runs})),
            ", ".join(sorted({run.model for run in runs})),
        ]
        for session, runs in newest
    ]
    pinned = dict.fromkeys(
        (run.model, run.spec_sha256, run.dataset, run.dataset_sha256 or text.UNKNOWN)
        for run in records
    )
    hosts = {run.machine.host for run in records}
    facts = [
        ("benchbench", version),
        ("runs", f"{len(records):,} of {len(sessions):,} sessions"),
        *([("machines", text.count(len(hosts)))] if len(hosts) > 1 else []),
        ("record schemas", ", ".join(str(one) for one in sorted({run.schema for run in records}))),
    ]
    blocks: list[Block] = [
        Facts(tuple(facts)),
        grid(
            rows,
            ["session", "started", "finished", "runs", "blocks", "models"],
            right=["runs", "blocks"],
        ),
    ]
    if len(sessions) > len(newest):
        blocks.append(Paragraph(f"{len(sessions) - len(newest):,} older sessions are not listed."))
    blocks += [
        grid(list(pinned), ["model", "spec sha256", "data set", "data sha256"]),
        *commands.build(records),
        Paragraph(
            CodeText(
                "The same page again: `benchbench report --format html -o report.html --results "
                "FOLDER`; the ratios alone: `benchbench compare --results FOLDER`. The records "
                "hold every raw sample; `benchbench results verify FOLDER` reads them all."
            )
        ),
    ]
    return tuple(blocks)
