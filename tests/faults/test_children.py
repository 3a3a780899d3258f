"""A process that is asked something: no silence, noise or death of it holds up who asked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import PATIENCE_SECONDS, wait_until

from benchbench.run.question import exchange

ANSWERING = """
import atexit, threading, time
from benchbench.run.question import answer

def work_out(asked):
    print("garbage on stdout")
    threading.Thread(target=time.sleep, args=(600,)).start()
    atexit.register(time.sleep, 600)
    {code}

answer(work_out)
"""

# What it does, and a sentence of what is said about it; None where its answer counts.
COURSES = {
    "answers": ("print('well')", None),
    "leaves one that holds its pipes": (
        "import subprocess; subprocess.Popen(['sleep', '600']); print('well')",
        None,
    ),
    "leaves one that prints without end": (
        "import subprocess, sys; subprocess.Popen(['yes'], stdout=sys.stderr); print('well')",
        None,
    ),
    "real-time signal": ("import os; os.kill(os.getpid(), 40)", "killed by signal 40"),
    "exit": ("import os; os._exit(3)", "ended with exit code 3: it said nothing"),
    "no answer": ("pass", "ended with exit code 0: it said nothing"),
    "endless answer": ("while True: print('x' * 99_999)", "its answer is longer than 32 MiB"),
    "endless log": (
        "import sys\nwhile True: print('x' * 9999, file=sys.stderr)",
        "no answer within 1 s",
    ),
    "one endless line, then death": (
        "import sys; sys.stderr.write('x' * 5_000_000); sys.exit(1)",
        "ended with exit code 1: xxx",
    ),
    "deaf": (
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)",
        "no answer within 1 s",
    ),
    "stopped": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "no answer within 1 s"),
    "closes its pipes": (
        "import os, time; os.close(1); os.close(2); time.sleep(600)",
        "no answer within 1 s",
    ),
}

ASKING = """
import os, sys, threading
from benchbench.run.question import exchange
child = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
exchange([sys.executable, "-c", child, sys.argv[1]], b"", environment=os.environ,
         timeout_seconds=600)
"""


@pytest.mark.parametrize("course", COURSES)
def test_who_asks_is_never_held_up(course):
    code, trouble = COURSES[course]
    # A loaded machine may take seconds to start a process: only silence is to run out of time.
    patience = 1 if trouble and "within 1 s" in trouble else 20
    since = time.monotonic()
    returned = exchange(
        [sys.executable, "-c", code], b"asked", environment=os.environ, timeout_seconds=patience
    )
    assert time.monotonic() - since < patience + 10
    if trouble is None:
        assert returned.answer is not None
        assert returned.answer.startswith(b"well")
    else:
        assert returned.answer is None
        assert trouble in returned.trouble
        assert len(returned.trouble) < 300


@pytest.mark.parametrize(
    ("code", "answer", "trouble"),
    [
        ("return asked * 2", b"wellwell", ""),
        ("raise SystemExit('enough')", None, "ended with exit code 1: SystemExit: enough"),
        ("raise KeyboardInterrupt", None, "ended with exit code 1: KeyboardInterrupt"),
    ],
)
def test_what_a_plugin_leaves_running_in_a_process_that_answers_holds_nobody_up(
    code, answer, trouble
):
    returned = exchange(
        [sys.executable, "-c", ANSWERING.format(code=code)],
        b"well",
        # Buffered, as where no one has asked for otherwise.
        environment={**os.environ, "PYTHONUNBUFFERED": ""},
        timeout_seconds=30,
    )
    assert returned.answer == answer
    assert trouble in returned.trouble


def test_a_long_question_that_nobody_reads_holds_nobody_up():
    returned = exchange(
        [sys.executable, "-c", "print('well')"],
        b"x" * 1_000_000,
        environment=os.environ,
        timeout_seconds=10,
    )
    assert returned.answer == b"well\n"


@pytest.mark.parametrize("ending", [[9], [2], [2, 2], [2, 2, 2], [15]], ids=str)
def test_a_silent_process_ends_with_who_asked(tmp_path, ending):
    place = tmp_path / "pid"
    asking = subprocess.Popen([sys.executable, "-c", ASKING, str(place)], stderr=subprocess.DEVNULL)
    pid = int(wait_until(lambda: place.exists() and place.read_text()))
    for number in ending:
        asking.send_signal(number)
        time.sleep(0.01)
    assert asking.wait(PATIENCE_SECONDS) != 0
    wait_until(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
