"""The pipe of the conformance suite: no line without an end, and no wait for who holds it."""

from __future__ import annotations

import os
import subprocess

from benchbench.testing.session import _lines


def lines_of(script: str) -> list[bytes]:
    events, up = os.pipe()
    command = ["/bin/bash", "-c", script, "bash", str(up)]
    with subprocess.Popen(command, pass_fds=(up,), stdout=subprocess.DEVNULL) as process:
        os.close(up)
        lines = list(_lines(events, process))
        os.close(events)
        process.kill()
    return lines


def test_lines_come_as_they_are_said():
    assert lines_of("echo one >&$1; sleep 0.1; printf 'two\\nthree\\n' >&$1") == [
        b"one",
        b"two",
        b"three",
    ]


def test_a_line_without_an_end_is_given_up():
    (line,) = lines_of("cat /dev/zero >&$1")
    assert len(line) < 9 << 20


def test_a_process_that_is_dead_is_not_waited_for_though_another_holds_its_pipe():
    assert lines_of("sleep 20 & echo one >&$1") == [b"one"]
