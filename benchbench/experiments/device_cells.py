"""Cells on several devices of one session: which the backends have, and how the cells are told."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from benchbench.errors import BenchbenchError, UsageError
from benchbench.experiments.environments.backends import BackendElsewhere
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.devices import resolve_device
from benchbench.records import Variant
from benchbench.run.plan import HERE, Cell
from benchbench.run.probe import probe
from benchbench.spec.model import ModelSpec

AUTO = "auto"


def session_device(devices: Sequence[str] | None) -> str:
    """Return the device of a session: the only one that was named; of several each cell has one."""
    return devices[0] if devices and len(devices) == 1 else AUTO


def place_cells(
    info: BackendInfo, division: str, model: ModelSpec, devices: Sequence[str]
) -> list[Cell]:
    """Return the cell, or one a device where several are named.

    Several are looked up before anything is certified. Raises Unavailable where the backend does
    not have one of them, UsageError where two names are one device.
    """
    there = info if isinstance(info, BackendElsewhere) else None
    place, label = (there.place, there.label) if there else (HERE, "")
    if len(devices) < 2:
        variant = Variant(label) if label else None
        return [Cell(info.name, division, model, environment=place, variant=variant)]
    own = devices_of(info)
    found: dict[str, str] = {}
    for wanted in devices:
        device = resolve_device(wanted, own, f"{info.name}{label}")
        if device in found:
            raise UsageError(
                f"--device {wanted}: expected another device, but for '{info.name}{label}' it is "
                f"{device}, as --device {found[device]} is"
            )
        found[device] = wanted
    return [
        Cell(
            info.name,
            division,
            model,
            device=device,
            environment=place,
            variant=Variant(f"{label} on {device}".strip(), device=device),
        )
        for device in found
    ]


@functools.cache
def devices_of(info: BackendInfo) -> tuple[str, ...]:
    """Ask a backend, in a process of its own, for its devices. Raises BenchbenchError."""
    answer = probe(info, place=info.place if isinstance(info, BackendElsewhere) else HERE)
    if answer.error:
        raise BenchbenchError(f"the backend '{info.name}' did not name its devices: {answer.error}")
    return answer.devices
