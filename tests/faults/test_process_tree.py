"""No process stays behind: neither when a worker ends, nor when its conductor is killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scripted import BUILT, FINISHED, FOREVER, READY, TURN, script

from benchbench.run.messages import Ready

# Each starts a process that writes its id into the log and sleeps.
SLEEPER = "echo $BASHPID; exec sleep 300"
STRAYS = {
    "a child": f"({SLEEPER}) &",
    "a session of its own": f"setsid bash -c '{SLEEPER}' &",
    "an orphan in a session of its own": f"(setsid bash -c '{SLEEPER}' & ) ; sleep 0.2",
    "one that ignores what can be ignored": f"(trap '' TERM INT HUP; {SLEEPER}) &",
    "one without an environment": f"env -i setsid bash -c '{SLEEPER}' &",
}


def follow(pid: int) -> int:
    return os.pidfd_open(pid)


def ends(descriptor: int) -> bool:
    ended, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    return bool(ended)


def stray_of(worker) -> int:
    return follow(int(worker.log().split()[0]))


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
def test_what_a_worker_started_ends_with_the_time_limit(launch, stray):
    ready = "sleep 0.3"
    worker = launch(stray, ready, READY, TURN, FOREVER, timeout_seconds=1.0)
    assert worker.next_event() == Ready()
    descriptor = stray_of(worker)
    assert worker.turn().status == "timeout"
    assert ends(descriptor), "it lives on"


@pytest.mark.parametrize("how", ["killed", "finished"])
def test_what_a_worker_leaves_ends_when_its_run_is_over(launch, how):
    stray = STRAYS["an orphan in a session of its own"]
    last = "kill -KILL $$" if how == "killed" else FINISHED
    worker = launch(stray, READY, TURN, BUILT, TURN, last)
    worker.next_event()
    descriptor = stray_of(worker)
    worker.turn()
    worker.turn()
    worker.end()
    assert ends(descriptor), "it lives on"


CONDUCTOR = """
import sys
from pathlib import Path
from scripted import INFO, planned
from benchbench.run.process import WorkerProcess
worker = WorkerProcess(planned(sys.argv[1]), INFO, timeout_seconds=60)
worker.next_event()
print(worker.pid, *worker.log().split(), flush=True)
worker.turn()
"""


def test_a_worker_and_all_it_started_end_when_the_conductor_is_killed(tmp_path):
    # It takes no notice of its pipe, like an epoch that goes on.
    strays = STRAYS["a child"], STRAYS["an orphan in a session of its own"]
    program = script(tmp_path, *strays, "sleep 0.2", READY, "sleep 300")
    here = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", CONDUCTOR, program],
        stdout=subprocess.PIPE,
        cwd=here,
    ) as conductor:
        pids = [int(word) for word in conductor.stdout.readline().split()]
        descriptors = [follow(pid) for pid in pids]
        os.kill(conductor.pid, signal.SIGKILL)
    assert len(descriptors) == 3
    assert all(ends(descriptor) for descriptor in descriptors), "they live on"
