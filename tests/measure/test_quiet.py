"""Waiting for a quiet machine: as long as others work, and not for ever."""

from __future__ import annotations

import pytest

from benchbench.measure.quiet import Waited, await_quiet


class Machine:
    """A core and a half at work for a while, on a clock that passes where it is slept."""

    def __init__(self, works_for: float) -> None:
        self.seconds = 0.0
        self.works_for = works_for

    def wait(self, limit: float) -> Waited | None:
        return await_quiet(limit, busy=self.busy, clock=self.clock, sleep=self.sleep)

    def busy(self) -> float | None:
        return 1.5 * min(self.seconds, self.works_for)

    def clock(self) -> int:
        return round(self.seconds * 1e9)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.mark.parametrize("works_for", [0, 5, 20])
def test_it_waits_for_three_quiet_seconds(works_for):
    waited = Machine(works_for).wait(60)
    assert waited == Waited(works_for + 3, 0.0)
    assert waited.sentence == f"the machine is quiet (waited {works_for + 3} s)"


def test_it_goes_on_where_the_machine_does_not_become_quiet_and_says_so():
    waited = Machine(1e9).wait(10)
    assert waited == Waited(10, 1.5)
    assert "did not become quiet in 10 s: others use 1.5 cores; the runs begin" in waited.sentence


def test_what_cannot_be_read_is_not_waited_for():
    assert await_quiet(10, busy=lambda: None) is None


def test_this_machine_can_be_read():
    assert await_quiet(0.1) is not None
