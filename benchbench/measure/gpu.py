"""NVIDIA cards: which there are, and how they stand. By nvidia-ml-py; none where it is missing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from benchbench.machines import GpuState

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
