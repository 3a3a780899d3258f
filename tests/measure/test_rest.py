"""Coming to rest: a process that still works is waited for, and none for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchbench.measure.rest import LONGEST_SECONDS, await_rest

SPINNING = """
import sys, time
until = time.monotonic() + float(sys.argv[1])
print(flush=True)
while time.monotonic() < until:
    pass
sys.stdin.read()
"""


class Machine:
    """Time that passes where it is slept; a process that works until a moment."""

    def __init__(self, works_until: float) -> None:
        self.seconds = 0.0
        self.works_until = works_until

    def clock(self) -> int:
        return round(self.seconds * 1e9)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def cpu_seconds(self, process: int) -> float | None:
        return min(self.seconds, self.works_until) if process == 1 else None

    def wait(self, *processes: int) -> float | None:
        return await_rest(
            processes, cpu_seconds=self.cpu_seconds, clock=self.clock, sleep=self.sleep
        )


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.25])
def test_it_waits_until_nothing_is_used(seconds):
    assert seconds + 0.019 <= Machine(seconds).wait(1) <= seconds + 0.05


def test_it_does_not_wait_for_ever():
    assert LONGEST_SECONDS <= Machine(99.0).wait(1) <= LONGEST_SECONDS + 0.05


def test_a_process_that_has_ended_is_at_rest():
    assert Machine(99.0).wait(2) < 0.05


@pytest.mark.skipif(sys.platform != "linux", reason="another process's CPU time is Linux's to tell")
def test_a_real_process_that_spins_is_waited_for():
    command = [sys.executable, "-c", SPINNING, "0.4"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        waited = await_rest([process.pid])
        assert waited is not None
        # It rests now, and would have been seen not to before.
        assert await_rest([process.pid]) < waited
        process.stdin.close()
        process.wait()
    assert waited > 0.2
