"""The pytest plugin of `conform`: tells of every test, as it happens, on a pipe of its own.

pytest loads it by `-p`, after its own import hook is in place, so that the suite's assertions are
rewritten and show their values.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO

import msgspec
import pytest

from benchbench.testing.outcomes import (
    CaseOutcome,
    CaseVerdict,
    Collected,
    Ended,
    Started,
    SuiteEvent,
    SuiteFinished,
)
from benchbench.testing.subject import Subject

EVENTS_OPTION = "--benchbench-events"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(EVENTS_OPTION, type=int, help="the descriptor that events are written to")


def pytest_configure(config: pytest.Config) -> None:
    descriptor: int = config.getoption(EVENTS_OPTION)
    # A process that a framework starts must not keep the pipe open after this one is dead.
    os.set_inheritable(descriptor, False)
    config.pluginmanager.register(Reporter(os.fdopen(descriptor, "wb")))


class Reporter:
    """Writes one JSON line an event."""

    def __init__(self, events: BinaryIO) -> None:
        self._events = events
        self._reports: list[pytest.TestReport] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._send(Collected(len(session.items)))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._reports = []
        self._send(Started(_name(nodeid)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        verdict, reason = _judge(self._reports)
        seconds = sum(report.duration for report in self._reports)
        outcome = CaseOutcome(test=_name(nodeid), outcome=verdict, seconds=seconds, reason=reason)
        self._send(SuiteFinished(outcome))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self._send(Ended(int(exitstatus), _versions(session)))

    def _send(self, event: SuiteEvent) -> None:
        self._events.write(msgspec.json.encode(event) + b"\n")
        self._events.flush()


def _name(nodeid: str) -> str:
    return nodeid.rpartition("::")[2]


def _judge(reports: list[pytest.TestReport]) -> tuple[CaseVerdict, str | None]:
    """Return the worst of a test's set-up, call and tear-down, with its reason."""
    for report in reports:
        if report.failed:
            return "failed", _reason(report.longrepr)
    for report in reports:
        if report.skipped:
            return "skipped", _reason(report.longrepr)
    return "passed", None


def _reason(longrepr: Any) -> str:
    """Return the message of the failure or the skip."""
    if isinstance(longrepr, tuple):  # a skip: path, line, message
        return _text(longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(longrepr, "reprcrash", None)
    return _text(crash.message if crash else longrepr)


def _text(value: object) -> str:
    """Return text that JSON can say: a lone surrogate becomes a question mark."""
    return str(value).encode(errors="replace").decode()


def _versions(session: pytest.Session) -> dict[str, str] | None:
    """Ask the backend. Its tests have imported it, so this costs nothing."""
    try:
        suite: Subject = session.items[0].cls()  # type: ignore[attr-defined]
        versions = suite.created().versions()
        return {_text(name): _text(version) for name, version in versions.items()}
    # A backend is a stranger's code: whatever it raises, its tests have said so.
    except BaseException:
        return None
