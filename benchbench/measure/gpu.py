"""NVIDIA cards: which there are, and how they stand. By nvidia-ml-py; none where it is missing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchbench.machines import Card, GpuState

# What slows a card down against its will, by the end of its name in NVML. That it is idle, or has
# been told to run at other clocks, is none of it.
_THROTTLING = (
    "SwPowerCap",
    "HwSlowdown",
    "SwThermalSlowdown",
    "HwThermalSlowdown",
    "HwPowerBrakeSlowdown",
)


def accelerators() -> tuple[str, ...]:
    """Return the names of the NVIDIA cards."""
    library = _library()
    names = [_ask(library, library.nvmlDeviceGetName, card) for card in _cards(library)]
    return tuple(str(name or "an NVIDIA card without a name") for name in names)


def used_card(device: str | None, environment: Mapping[str, str]) -> Card | None:
    """Return the card behind a device's name in a process with such an environment, if it is known.

    Takes what CUDA_VISIBLE_DEVICES leaves, by number, UUID or MIG slice.
    """
    kind, _, number = (device or "").lower().partition(":")
    if kind not in {"cuda", "gpu"} or not (number or "0").isdecimal():
        return None
    library = _library()
    handles = _cards(library)
    if not handles:
        return None
    uuids = [str(_ask(library, library.nvmlDeviceGetUUID, handle) or "") for handle in handles]
    visible = visible_cards(
        environment.get("CUDA_VISIBLE_DEVICES"),
        uuids,
        slices=[_slices(library, handle) for handle in handles],
        by_bus=environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID",
    )
    place = int(number or 0)
    seen = visible[place] if place < len(visible) else None
    if seen is None:
        return None
    index, part = seen
    name = _ask(library, library.nvmlDeviceGetName, handles[index])
    return Card(index, str(name or "an NVIDIA card without a name"), part)


def visible_cards(
    variable: str | None,
    uuids: Sequence[str],
    *,
    slices: Sequence[Mapping[str, str]],
    by_bus: bool,
) -> list[tuple[int, str | None] | None]:
    """Return the cards that a process sees, in its order: NVML's index, and the slice's profile.

    `uuids` are those of the cards, `slices` the profiles of each card's MIG slices by UUID. A card
    of which the variable does not tell which it is, is None. Sources: CUDA C++ Programming Guide,
    "CUDA Environment Variables" (what follows an invalid entry is not seen; a UUID may be cut
    short); NVIDIA MIG User Guide, "CUDA Device Enumeration" (one slice at most is seen).
    """
    # Without an order by bus the fastest card comes first, whichever that is.
    known = by_bus or len(uuids) == 1
    if variable is None:
        cut = [(index, part) for index, parts in enumerate(slices) for part in parts.values()]
        if cut:
            return list(cut[:1]) if len(cut) == 1 or known else [None]
        return [(index, None) if known else None for index in range(len(uuids))]
    found: list[tuple[int, str | None] | None] = []
    for entry in (one.strip() for one in variable.split(",")):
        if entry.isdecimal() and int(entry) < len(uuids):
            index = int(entry)
            parts = list(slices[index].values())
            found.append((index, parts[0] if parts else None) if known else None)
            continue
        if entry.startswith("MIG-"):
            found += [
                (index, part)
                for index, parts in enumerate(slices)
                for uuid, part in parts.items()
                if uuid.startswith(entry)
            ][:1] or [(index, "a slice") for index, uuid in enumerate(uuids) if uuid in entry][:1]
            return found[:1]
        matches = [n for n, uuid in enumerate(uuids) if entry and uuid.startswith(entry)]
        if len(matches) != 1:
            break
        found.append((matches[0], None))
    return found


def _slices(library: Any, card: Any) -> dict[str, str]:
    """Return the profiles of a card's MIG slices by UUID; nothing where it is whole."""
    mode = _ask(library, getattr(library, "nvmlDeviceGetMigMode", _no_answer), card)
    if not mode or mode[0] != 1:
        return {}
    count = _ask(library, library.nvmlDeviceGetMaxMigDeviceCount, card) or 0
    handles = [
        _ask(library, library.nvmlDeviceGetMigDeviceHandleByIndex, card, number)
        for number in range(count)
    ]
    found = {}
    for handle in filter(None, handles):
        uuid = _ask(library, library.nvmlDeviceGetUUID, handle)
        # "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
        name = str(_ask(library, library.nvmlDeviceGetName, handle) or "")
        found[str(uuid)] = name.rpartition("MIG ")[2] or "a slice"
    return found


def _no_answer(*_about: Any) -> None:
    """Answer for a library that does not know the question."""


def gpu_states() -> tuple[GpuState, ...]:
    """Return how each card stands now. Takes a millisecond a card; call it between turns."""
    library = _library()
    return tuple(_state(library, index, card) for index, card in enumerate(_cards(library)))


@functools.cache
def _library() -> Any:
    """Return NVML, opened for good: without a user the driver may unload, which takes seconds."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _cards(library: Any) -> list[Any]:
    if library is None:
        return []
    count = _ask(library, library.nvmlDeviceGetCount) or 0
    cards = [_ask(library, library.nvmlDeviceGetHandleByIndex, index) for index in range(count)]
    return [card for card in cards if card is not None]


def _ask(library: Any, question: Callable[..., Any], *about: Any) -> Any:
    """Return the driver's answer; None where a card does not know, or is gone."""
    try:
        return question(*about)
    except library.NVMLError:
        return None


def _state(library: Any, index: int, card: Any) -> GpuState:
    ask = functools.partial(_ask, library)
    reasons = ask(library.nvmlDeviceGetCurrentClocksThrottleReasons, card)
    rates = ask(library.nvmlDeviceGetUtilizationRates, card)
    return GpuState(
        index=index,
        clock_mhz=ask(library.nvmlDeviceGetClockInfo, card, library.NVML_CLOCK_SM),
        temperature_celsius=ask(
            library.nvmlDeviceGetTemperature, card, library.NVML_TEMPERATURE_GPU
        ),
        utilisation_fraction=None if rates is None else rates.gpu / 100,
        throttling=None if reasons is None else _throttling(library, reasons),
    )


def _throttling(library: Any, reasons: int) -> tuple[str, ...]:
    return tuple(
        name
        for name in _THROTTLING
        if reasons & getattr(library, f"nvmlClocksThrottleReason{name}")
    )
