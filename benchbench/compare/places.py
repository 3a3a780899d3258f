"""Where runs stood: which of them share a section, and which blocks a machine had there.

A section is of one kind of machine: data set, device, processor, cores, card, thread budget. Where
several machines of it ran with different software, each software has a section of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import NamedTuple, TypeAlias

import msgspec

from benchbench.compare.cells import Runs, machine_name
from benchbench.compare.contrast import CellName, cell_name
from benchbench.machines import Machine
from benchbench.records import RunRecord

# What is set of the allocator, of which times depend (docs/how-we-measure.md).
_ALLOCATOR = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_")
# By the name of a cell ("" for all) and of what has the version.
_Software: TypeAlias = dict[tuple[str, str], str]


class SectionKey(NamedTuple):
    """What the runs of a section share. `software` is "" but where machines differ in theirs."""

    dataset: str
    device: str
    machine: str
    threads: int
    software: str = ""


def by_place(records: Sequence[RunRecord]) -> dict[SectionKey, list[RunRecord]]:
    """Sort runs into sections, their order kept.

    A run that failed before it knew its device belongs to the device that the other runs of its
    session and model have, if they have one. Devices that a session was told to have side by side
    share a section.
    """
    side_by_side = _side_by_side(records)
    devices: dict[tuple[str, str], set[str]] = defaultdict(set)
    # The card too is known only with the device.
    names: dict[tuple[str, str, str, Machine], set[str]] = defaultdict(set)
    for record in records:
        if record.device:
            devices[record.session_id, record.model].add(record.device)
            key = record.session_id, record.model, record.device, record.machine
            names[key].add(machine_name(record))
    sections: dict[SectionKey, list[RunRecord]] = defaultdict(list)
    for record in records:
        if record.variant and record.variant.device:
            machine = machine_name(msgspec.structs.replace(record, card=None))
            together = side_by_side[record.session_id]
            sections[SectionKey(record.dataset, together, machine, record.threads)].append(record)
            continue
        device = record.device or ""
        known = devices[record.session_id, record.model]
        if not device and len(known) == 1:
            (device,) = known
        name = machine_name(record)
        alike = names[record.session_id, record.model, device, record.machine]
        if not record.device and len(alike) == 1:
            (name,) = alike
        sections[SectionKey(record.dataset, device, name, record.threads)].append(record)
    return {
        place._replace(software=software): some
        for place, runs in sections.items()
        for software, some in _by_software(runs).items()
    }


def _side_by_side(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return by session the devices that it was told to have side by side: "cpu and cuda:0"."""
    devices: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.variant and record.variant.device:
            devices[record.session_id].add(record.device or record.variant.device)
    return {session: " and ".join(sorted(found)) for session, found in devices.items()}


def recorded_blocks(records: Iterable[RunRecord]) -> Mapping[tuple[str, str], Set[int]]:
    """Return by session and model the numbers of the blocks that left a record, wherever."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record in records:
        found[record.session_id, record.model].add(record.block)
    return found


def session_blocks(
    runs: Runs, names: Collection[CellName], recorded: Set[int], *, alone: bool
) -> set[int]:
    """Return the numbers of the blocks that the cells of these names should each have a run of.

    `runs` are those of one model, session and machine in one section; `recorded` are the blocks of
    that session and model that left a record anywhere. Those that an executor ran elsewhere are
    not of this machine, and those that were run again have another number. A block that left no
    record at all is this machine's where it is `alone` in its section.
    """
    seeds = {run.order_seed for name in names for run in runs[name]}
    beside = [
        run.block
        for companions in runs.values()
        if any(run.order_seed in seeds for run in companions)
        for run in companions
    ]
    last = max(beside)
    here = {run.block for some in runs.values() for run in some if run.block <= last}
    again = {
        lost for companions in runs.values() for run in companions for lost in run.replaces_blocks
    }
    missing = set(range(last + 1)) - recorded if alone else set()
    return (here | missing) - again


def _by_software(runs: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Part the runs of one kind of machine by the software in which its machines differ."""
    # The records come oldest first: what a machine has is what it had in the end.
    software: dict[str | None, _Software] = defaultdict(dict)
    for run in runs:
        if run.status == "ok" and run.machine.host is not None:
            software[run.machine.host] |= _software(run)
    if len(software) < 2:
        return {"": list(runs)}
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in software.values():
        for name, value in one.items():
            values[name].add(value)
    differing = sorted(name for name, known in values.items() if len(known) > 1)
    named = {host: _in_words(one, differing) for host, one in software.items()}
    # Of a machine without a run that succeeded, or without a name, it is not known what it has.
    count = Counter(named.values())
    usual = max(count, key=lambda words: (count[words], words))
    found: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        found[named.get(run.machine.host, usual)].append(run)
    return found


def _software(run: RunRecord) -> _Software:
    """Return the versions that a cell ran with, and what is set of the allocator."""
    cell = str(cell_name(run))
    found = {("", "Python"): run.machine.python}
    found |= {(cell, name): version for name, version in run.versions.items()}
    variables = sorted(run.environment.items())
    allocator = [f"{name}={value}" for name, value in variables if name.startswith(_ALLOCATOR)]
    return found | {(cell, "allocator"): " ".join(allocator) or "unset"}


def _in_words(software: _Software, names: Iterable[tuple[str, str]]) -> str:
    told = (f"{name} {software.get((cell, name), '(unknown)')}" for cell, name in names)
    return ", ".join(dict.fromkeys(told))
