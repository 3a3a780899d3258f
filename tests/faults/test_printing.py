"""What is saved stays a success, whatever becomes of what is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from makers import make_record
from waiting import PATIENCE_SECONDS

from benchbench.run.store import Store
from benchbench.streams import Stream

ASCII = {"PYTHONIOENCODING": "ascii"}
# A POSIX locale that Python does not mend by itself.
POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def folder(tmp_path):
    store = Store(tmp_path / "results")
    store.prepare()
    store.save(make_record())
    store.save(
        make_record(run_id="bad", status="failed", error="the \N{SNOWMAN} \N{GRINNING FACE}")
    )
    return tmp_path / "results"


def closed_pipe() -> int:
    """Return the end to write to of a pipe that nobody reads: what `| head -0` leaves."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def report(folder: Path, *arguments: str, environment=(), **streams):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    process = subprocess.run(
        [sys.executable, "-m", "benchbench", "report", "--results", str(folder), *arguments],
        env=os.environ | dict(environment),
        timeout=60,
        check=False,
        **pipes,
    )
    for stream in streams.values():
        os.close(stream)
    return process


@pytest.mark.parametrize("environment", [ASCII, POSIX], ids=["ascii", "C"])
def test_characters_that_the_encoding_lacks_are_no_error(folder, environment):
    done = report(folder, environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"torch" in done.stdout


def test_they_are_written_as_their_escapes():
    code = "from benchbench.streams import safe_streams as s\nwith s(): print('\u2713 \U0001f600')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=os.environ | ASCII, capture_output=True, check=True)
    assert done.stdout == b"\\u2713 \\U0001f600\n"


def test_a_reader_that_goes_away_is_no_error(folder):
    done = report(folder, stdout=closed_pipe())
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_one_and_is_told(folder):
    done = report(folder, stdout=os.open("/dev/full", os.O_WRONLY))
    assert done.returncode == 1
    assert done.stderr == b"error: cannot write to standard output: No space left on device\n"


def test_what_cannot_be_told_changes_no_exit_code(folder):
    for full in (closed_pipe(), os.open("/dev/full", os.O_WRONLY)):
        (folder / "runs" / "torn.json").write_text("{")
        done = report(folder, "--strict", stderr=full)
        assert done.returncode == 1
        assert b"torch" in done.stdout
    nothing = report(folder / "nothing", stderr=os.open("/dev/full", os.O_WRONLY))
    assert (nothing.returncode, nothing.stdout) == (2, b"")


def test_a_run_is_saved_though_its_tables_have_no_room_and_nobody_hears_of_its_progress(command):
    command.environment |= ASCII
    done = command.run("null", stdout=os.open("/dev/full", os.O_WRONLY), stderr=closed_pipe())
    assert done.returncode == 1
    assert command.record().status == "ok"


def test_a_pipe_that_is_full_for_now_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=reading,
        stdout=subprocess.DEVNULL,
    ) as reader:
        os.close(reading)
        stream = Stream(writing)
        assert stream.write(b"y") == 1
        assert stream.failure is None
        os.close(writing)
        reader.wait(PATIENCE_SECONDS)
