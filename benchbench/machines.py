"""What a record says of the machine: what it is, and what it was doing before a turn."""

from __future__ import annotations

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """The machine, as far as it can be told without asking for privileges.

    `cpu_quota` is how many cores' time a control group leaves this process, null without a limit;
    `slow_cores` are the usable logical cores of a slower kind (E cores), null where all are alike.
    `host` tells machines of one kind apart: a hash of its name, or the name where `--include-host`
    was given; null in records of before there was one.
    """

    system: str
    processor: str
    physical_cores: int | None
    usable_cores: int
    memory_bytes: int
    python: str
    accelerators: tuple[str, ...] = ()
    cpu_quota: float | None = None
    slow_cores: int | None = None
    host: str | None = None


class MachineState(msgspec.Struct, frozen=True):
    """What the machine was doing just before a turn, as the conductor saw it.

    `calibration_seconds` is the time of a fixed piece of work (see `measure.machine`); fractions
    are of all cores since the previous turn; pressure is Linux's PSI "some" over ten seconds, in
    per cent; `cpu_mhz` is of the fastest usable core, right after the calibration; `rest_seconds`
    is how long was waited before all that, until the workers used no CPU time.
    """

    calibration_seconds: float | None = None
    load_average: float | None = None
    steal_fraction: float | None = None
    busy_fraction: float | None = None
    cpu_pressure: float | None = None
    cpu_mhz: float | None = None
    rest_seconds: float | None = None


class Card(msgspec.Struct, frozen=True):
    """The accelerator that a run used, as its driver numbers it.

    `slice` is the profile of a part of it (MIG's "1g.10gb", or "a slice"), null for the whole card.
    """

    index: int
    name: str
    slice: str | None = None

    def __str__(self) -> str:
        return f"{self.name}, only {self.slice} of it" if self.slice else self.name


class GpuState(msgspec.Struct, frozen=True):
    """How an NVIDIA card stood right after a turn, as its driver says; unknown is null.

    `clock_mhz` is that of its multiprocessors; `utilisation_fraction` is of up to a second before;
    `throttling` are NVML's names for what slows it down: power, heat.
    """

    index: int
    clock_mhz: int | None = None
    temperature_celsius: int | None = None
    utilisation_fraction: float | None = None
    throttling: tuple[str, ...] | None = None
