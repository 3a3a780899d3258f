"""A process that a signal has stopped for a while: its seconds are not those of work."""

from __future__ import annotations

import os
import signal
import threading

from scripted import BUILT, FOREVER, READY, TURN
from waiting import wait_until

from benchbench.run.messages import Built


def _stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] == "T"


def test_a_pause_in_its_turn_is_noticed_and_one_between_turns_is_not(launch):
    worker = launch(READY, TURN, "sleep 0.1", BUILT, TURN, BUILT, FOREVER)
    worker.next_event()
    assert not worker.last_turn.stopped

    def pause() -> None:
        os.kill(worker.pid, signal.SIGSTOP)
        wait_until(lambda: _stopped(worker.pid))
        os.kill(worker.pid, signal.SIGCONT)

    meanwhile = threading.Timer(0.02, pause)
    meanwhile.start()
    assert worker.turn() == Built("cpu")
    meanwhile.join()
    assert worker.last_turn.stopped
    pause()
    assert worker.turn() == Built("cpu")
    assert not worker.last_turn.stopped


def test_a_worker_that_is_stopped_for_good_is_ended_at_the_time_limit(launch):
    worker = launch(READY, TURN, "kill -STOP $$", FOREVER, timeout_seconds=0.5)
    worker.next_event()
    ending = worker.turn()
    assert ending.status == "timeout"
    assert "a signal has stopped the worker" in ending.reason
