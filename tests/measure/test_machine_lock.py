"""One block at a time on a machine: the second waits, and a holder that dies holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchbench.measure.machine_lock import machine_lock

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the lock is of Linux's abstract sockets"
)
NAME = f"\0benchbench-test-{os.getpid()}"
HOLDER = """
import sys, time
from benchbench.measure.machine_lock import machine_lock
with machine_lock(name=sys.argv[1].replace("@", "\\0")):
    print("held", flush=True)
    time.sleep(600)
"""


class GaveUp(Exception):  # noqa: N818 - it is caught where it is meant
    """Raised in the place of waiting on."""


def give_up(_seconds):
    raise GaveUp


def test_a_second_waits_and_says_so_until_the_first_is_gone():
    told = []
    waits = iter([None, None])

    def sleep(_seconds):
        if next(waits, "over") == "over":
            raise GaveUp

    with machine_lock(name=NAME):
        with (
            pytest.raises(GaveUp),
            machine_lock(name=NAME, waiting=lambda: told.append("waits"), sleep=sleep),
        ):
            pass
        assert told == ["waits"]
        with machine_lock(name=f"{NAME}-other", sleep=give_up):
            pass
    with machine_lock(name=NAME, sleep=give_up):
        pass


def test_a_holder_that_was_killed_holds_nothing():
    command = [sys.executable, "-c", HOLDER, NAME.replace("\0", "@")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(GaveUp), machine_lock(name=NAME, sleep=give_up):
            pass
    finally:
        process.kill()
        process.communicate()
    with machine_lock(name=NAME, sleep=give_up):
        pass
