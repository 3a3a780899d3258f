"""What the suite says of one division of a backend, test by test, and how it comes up a pipe."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

CaseVerdict: TypeAlias = Literal["passed", "failed", "skipped"]

_REFUSES = " does not do "


def function(test: str) -> str:
    """Return the test function's name, without the parameters."""
    return test.partition("[")[0]


def refusal(backend: str, what: str, answer: str) -> str:
    """Return the reason of a test that is skipped: the backend refuses `what` with `answer`."""
    return f"{backend}{_REFUSES}{what}: {answer}"


def refused(reason: str) -> tuple[str, str] | None:
    """Return what a backend refused and its answer; None for a reason that is no refusal."""
    _, refuses, rest = reason.partition(_REFUSES)
    what, colon, answer = rest.partition(": ")
    return (what, answer) if refuses and colon else None


class CaseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one test came out; `reason` says why it failed or was skipped, else it is null.

    `seconds` is null for a test that its process did not survive.
    """

    test: str
    outcome: CaseVerdict
    seconds: float | None
    reason: str | None = None

    @property
    def function(self) -> str:
        """The test function's name, without the parameters."""
        return function(self.test)

    @property
    def parameters(self) -> str | None:
        """The parameters' names as pytest writes them: "deeper-cnn-fresh"; None without any."""
        return self.test.partition("[")[2].removesuffix("]") or None


class Collected(msgspec.Struct, frozen=True, tag=True):
    """The tests that will run."""

    test_count: int


class Started(msgspec.Struct, frozen=True, tag=True):
    """A test has begun."""

    test: str


class SuiteFinished(msgspec.Struct, frozen=True, tag=True):
    """A test is over."""

    outcome: CaseOutcome


class Ended(msgspec.Struct, frozen=True, tag=True):
    """pytest came to its end. `versions` are the backend's own words, null where it gave none."""

    exit_code: int
    versions: dict[str, str] | None


SuiteEvent: TypeAlias = Collected | Started | SuiteFinished | Ended


class Conformance(msgspec.Struct, frozen=True, kw_only=True):
    """What the suite found. `died` says how its process ended before it was done, if it did.

    `selected` is the expression that chose the tests, null for the whole suite; `models` are those
    that were tested in place of the catalog, none for the whole suite; `test_count` is
    null where the process did not live to count them.
    """

    backend: str
    division: str
    device: str
    threads: int
    benchbench_version: str
    versions: dict[str, str] | None
    selected: str | None
    seconds: float
    test_count: int | None
    died: str | None
    tests: tuple[CaseOutcome, ...]
    models: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the suite came to its end and no test failed."""
        return self.died is None and all(test.outcome != "failed" for test in self.tests)
