"""Where runs stood: which of them share a section, and which blocks a session had there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from typing import TypeAlias

import msgspec

from benchbench.compare.cells import Runs, machine_name
from benchbench.compare.contrast import CellName
from benchbench.machines import Machine
from benchbench.records import RunRecord

# Data set, device, machine, thread budget.
SectionKey: TypeAlias = tuple[str, str, str, int]


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
            sections[record.dataset, together, machine, record.threads].append(record)
            continue
        device = record.device or ""
        known = devices[record.session_id, record.model]
        if not device and len(known) == 1:
            (device,) = known
        name = machine_name(record)
        alike = names[record.session_id, record.model, device, record.machine]
        if not record.device and len(alike) == 1:
            (name,) = alike
        place = record.dataset, device, name, record.threads
        sections[place].append(record)
    return sections


def _side_by_side(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return by session the devices that it was told to have side by side: "cpu and cuda:0"."""
    devices: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.variant and record.variant.device:
            devices[record.session_id].add(record.device or record.variant.device)
    return {session: " and ".join(sorted(found)) for session, found in devices.items()}


def blocks_elsewhere(
    sections: Mapping[SectionKey, Sequence[RunRecord]], here: SectionKey
) -> Mapping[tuple[str, str], set[int]]:
    """Return by session and model the numbers of the blocks that ran in other sections."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for place, records in sections.items():
        if place != here:
            for record in records:
                found[record.session_id, record.model].add(record.block)
    return found


def session_blocks(runs: Runs, names: Collection[CellName], elsewhere: Set[int]) -> set[int]:
    """Return the numbers of the blocks that the cells of these names should each have a run of.

    `runs` are those of one model and session in one section. The blocks are counted from 0 to the
    last that a cell in the same groups took part in; those that an executor ran `elsewhere` are of
    another section, and those that were run again have another number.
    """
    seeds = {run.order_seed for name in names for run in runs[name]}
    beside = [
        run.block
        for companions in runs.values()
        if any(run.order_seed in seeds for run in companions)
        for run in companions
    ]
    here = {run.block for name in names for run in runs[name]}
    again = {
        lost for companions in runs.values() for run in companions for lost in run.replaces_blocks
    }
    return set(range(max(beside) + 1)) - (elsewhere - here) - again
