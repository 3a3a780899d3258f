"""Run the suite over one division of an installed backend, in a process of its own.

A process of its own, because some frameworks read their settings once, at import, and because a
backend that is being written may crash.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from benchbench import __version__
from benchbench.children import ending
from benchbench.errors import UsageError
from benchbench.measure.clock import now_ns
from benchbench.plugins.contract import BackendInfo
from benchbench.process_tree import ProcessTree
from benchbench.run.environment import worker_environment
from benchbench.spec.files import dump
from benchbench.spec.model import ModelSpec
from benchbench.testing.outcomes import (
    CaseOutcome,
    Collected,
    Conformance,
    Ended,
    Started,
    SuiteEvent,
    SuiteFinished,
)

_MODULE = """\
from pathlib import Path

from benchbench import load_model, load_protocol
from benchbench.testing import BackendConformance


class TestConformance(BackendConformance):
    backend = {suite.backend.name!r}
    division = {suite.division!r}
    device = {suite.device!r}
    threads = {suite.threads!r}
    protocol = {protocol}
    models = ({models})
"""

# Whole reasons: pytest shortens what an assertion says unless told not to.
_SETTINGS = "[pytest]\nverbosity_assertions = 2\n"

# What a user sets for test suites of their own must not change this one.
_REMOVED = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")

_DONE = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
_NOT_SELECTED = {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED}

# After its last event a process only has to end; frameworks take a second or two for that.
_FAREWELL_SECONDS = 60
# How often to look whether the process has ended while another still holds its pipe.
_TICK_SECONDS = 0.5
_LINE_LIMIT_BYTES = 8 << 20


class SuiteListener(Protocol):
    """Hears of the tests while they run."""

    def test_started(self, test: str) -> None:
        """Say that a test runs."""

    def test_finished(self, outcome: CaseOutcome) -> None:
        """Say how a test came out."""

    def died(self, log: str) -> None:
        """Say what the process printed before it died."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What is to be tested: one division of a backend, all tests or those that `select` matches.

    `protocol`: the absolute path of a TOML file, under which models are certified. `models`: those
    that are tested in place of the catalog and the odd ones.
    """

    backend: BackendInfo
    division: str
    device: str
    threads: int
    select: str | None = None
    protocol: Path | None = None
    models: tuple[ModelSpec, ...] = ()


@dataclass
class _Course:
    """What has been heard so far."""

    test_count: int | None = None
    running: str | None = None
    outcomes: list[CaseOutcome] = field(default_factory=list)
    ended: Ended | None = None

    @property
    def place(self) -> str:
        """How far it has come."""
        if self.running:
            return f"in {self.running}"
        return "after the last test" if self.ended else "before it was done"


def run_suite(suite: Suite, listener: SuiteListener) -> Conformance:
    """Run the suite and return what came of it; a death of the process is a result too.

    Raises UsageError where `select` is no expression, or matches no test.
    """
    since = now_ns()
    with tempfile.TemporaryDirectory(prefix="benchbench-") as place:
        folder = Path(place)
        with _process(suite, folder) as (tree, events):
            course, garbage = _listen(events, tree.process, listener)
            if garbage:
                tree.end()
            end = _wait(tree)
        log = (folder / "log").read_text(errors="replace").strip()
    cause = garbage or _death(course, end, tree.process.returncode)
    if cause:
        listener.died(log)
    elif course.ended:
        _check_selection(suite.select, course.ended, log)
    if cause and course.running:
        course.outcomes.append(
            CaseOutcome(test=course.running, outcome="failed", seconds=None, reason=cause)
        )
    return Conformance(
        backend=suite.backend.name,
        division=suite.division,
        device=suite.device,
        threads=suite.threads,
        benchbench_version=__version__,
        versions=course.ended.versions if course.ended else None,
        selected=suite.select,
        models=tuple(model.name for model in suite.models),
        seconds=(now_ns() - since) / 1e9,
        test_count=course.test_count,
        died=f"{cause} {course.place}" if cause else None,
        tests=tuple(course.outcomes),
    )


@contextmanager
def _process(suite: Suite, folder: Path) -> Iterator[tuple[ProcessTree, int]]:
    """Start pytest over a module written for it; give the process and the end to read events from.

    What it prints goes to the file `log`. It does not outlive the block.
    """
    events, up = os.pipe()
    with (folder / "log").open("wb") as log:
        tree = ProcessTree(
            [*_command(suite, folder), "--benchbench-events", str(up)],
            environment=_environment(suite, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(up,),
        )
    os.close(up)
    try:
        yield tree, events
    finally:
        os.close(events)
        tree.end()


def _command(suite: Suite, folder: Path) -> list[str]:
    """Write what pytest reads; return the command that runs it, its output unadorned."""
    module, settings = folder / "benchbench_conformance.py", folder / "pytest.ini"
    protocol = None if suite.protocol is None else f"load_protocol(Path({str(suite.protocol)!r}))"
    models = "".join(f"load_model(Path({str(path)!r})), " for path in _model_files(suite, folder))
    module.write_text(_MODULE.format(suite=suite, protocol=protocol, models=models))
    settings.write_text(_SETTINGS)
    return [
        *(sys.executable, "-m", "pytest", str(module), "-c", str(settings)),
        *("--noconftest", "--capture=no", "-p", "no:cacheprovider", "-p", "no:terminal"),
        *([] if suite.select is None else [f"-k={suite.select}"]),
        *("-p", "benchbench.testing.reporter"),
    ]


def _model_files(suite: Suite, folder: Path) -> list[Path]:
    """Write the models of the suite into the folder, a file each."""
    paths = [folder / f"model-{number}.toml" for number in range(len(suite.models))]
    for path, model in zip(paths, suite.models, strict=True):
        path.write_text(dump(model), encoding="utf-8")
    return paths


def _environment(suite: Suite, folder: Path) -> dict[str, str]:
    """Return a worker's environment, in which no other plugin of pytest loads."""
    home = folder / "home"
    home.mkdir()
    outer = {name: value for name, value in os.environ.items() if name not in _REMOVED}
    environment = worker_environment(outer, info=suite.backend, threads=suite.threads, home=home)
    return environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _lines(events: int, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield what comes line by line, until the process has ended, whoever else holds its pipe.

    A line without an end is yielded as far as it has come.
    """
    rest = b""
    while len(rest) <= _LINE_LIMIT_BYTES:
        if not select.select([events], [], [], _TICK_SECONDS)[0]:
            if process.poll() is not None:
                return
            continue
        chunk = os.read(events, 1 << 16)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    yield rest


def _listen(
    events: int, process: subprocess.Popen[bytes], listener: SuiteListener
) -> tuple[_Course, str | None]:
    """Hear the process out. The second answer says what it said that is no event, if it did."""
    course = _Course()
    for line in _lines(events, process):
        try:
            event = msgspec.json.decode(line, type=SuiteEvent)
        except (ValueError, RecursionError):
            return course, f"its process wrote something that is not an event: {line[:200]!r}"
        match event:
            case Collected(test_count):
                course.test_count = test_count
            case Started(test):
                course.running = test
                listener.test_started(test)
            case SuiteFinished(outcome):
                course.running = None
                course.outcomes.append(outcome)
                listener.test_finished(outcome)
            case Ended():
                course.ended = event
                break
    return course, None


def _wait(tree: ProcessTree) -> str:
    """Wait until the process has ended, and say how."""
    try:
        code = tree.process.wait(_FAREWELL_SECONDS)
    except subprocess.TimeoutExpired:
        tree.end()
        return f"its process did not end by itself within {_FAREWELL_SECONDS} s"
    return f"its process {ending(code)}"


def _death(course: _Course, end: str, code: int) -> str | None:
    """Return how the process ended, if not as pytest does that has run all tests."""
    if course.ended is None:
        return end
    told = course.ended.exit_code
    complete = told in _DONE and len(course.outcomes) == course.test_count
    if not complete and told not in _NOT_SELECTED:
        return f"pytest gave up with exit code {told}"
    return None if code == told else end


def _check_selection(select: str | None, ended: Ended, log: str) -> None:
    if ended.exit_code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise UsageError(
            f"no test of the suite matches -k '{select}'; the names of the tests are those in the "
            f"table that `benchbench conform` prints without it"
        )
    if ended.exit_code == pytest.ExitCode.USAGE_ERROR:
        raise UsageError(f"pytest does not take -k '{select}': {log.removeprefix('ERROR: ')}")
