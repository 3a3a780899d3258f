"""What the machine does while runs take turns, as the conductor writes it into each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from benchbench.machines import GpuState, Machine, MachineState
from benchbench.measure import calibration, machine
from benchbench.measure.foreign import CpuUse, cpu_use
from benchbench.measure.gpu import gpu_states
from benchbench.measure.rest import await_rest


class Monitor(Protocol):
    """Reads the machine. Called between turns only, while no worker is at work."""

    @property
    def machine(self) -> Machine:
        """The machine itself."""

    def state(self, workers: Sequence[int]) -> MachineState:
        """Read what it is doing, just before a turn, when the workers of these ids are at rest."""

    def cpu_use(self, worker: int) -> CpuUse | None:
        """Read who uses its cores; `worker` is the id of a worker's process."""

    def gpus(self) -> tuple[GpuState, ...]:
        """Read how its cards stand, right after a turn."""


class MachineMonitor:
    """Reads this machine, with the time of the calibration kernel before each turn."""

    def __init__(self, *, include_host: bool = False) -> None:
        self.machine = machine.machine(include_host=include_host)
        self._times: machine.CpuTimes | None = None

    def state(self, workers: Sequence[int]) -> MachineState:
        rest_seconds = await_rest(workers)
        state, self._times = machine.state(self._times)
        # One thread: a pool's idle threads would still be spinning when the worker starts.
        seconds = calibration.calibrate(1)
        return msgspec.structs.replace(
            state,
            calibration_seconds=seconds,
            cpu_mhz=machine.cpu_mhz(),
            rest_seconds=rest_seconds,
        )

    def cpu_use(self, worker: int) -> CpuUse | None:
        return cpu_use(worker)

    def gpus(self) -> tuple[GpuState, ...]:
        return gpu_states()
