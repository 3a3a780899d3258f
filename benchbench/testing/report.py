"""What the conformance suite said of a backend, as people read it: for its README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from benchbench.printable import one_line
from benchbench.report.document import CodeText, Document, Heading, Items, Paragraph, grid, items
from benchbench.report.text import seconds
from benchbench.testing.outcomes import CaseOutcome, Conformance, refusal, refused

# A reason in the table is cut here; --json has it whole.
_REASON_LENGTH = 300

_NO_REASON = "no reason was given"

# So many reasons are told of one test function, and of all that is skipped; --json has every one.
_REASONS = 3


def build(result: Conformance) -> Document:
    """Return one division's result: a row a test function, failures beneath."""
    functions: dict[str, list[CaseOutcome]] = {}
    for outcome in result.tests:
        functions.setdefault(outcome.function, []).append(outcome)
    rows = [[CodeText(f"`{name}`"), totals(outcomes)] for name, outcomes in functions.items()]
    return (
        Heading(f"{result.backend}, {result.division}, on {result.device}"),
        _summary(result),
        *((grid(rows, ["test", "outcome"]),) if rows else ()),
        *_failures(functions),
        *_skips(result),
    )


def _summary(result: Conformance) -> Paragraph:
    """Return the answer, the totals, and what they are of: the lines above the table."""
    chosen = f" of the tests that match '{result.selected}'" if result.selected else ""
    chosen += f" on the models {', '.join(result.models)}" if result.models else ""
    verdict = "conforms" if result.passed else "does not conform"
    if chosen:
        verdict = "passed" if result.passed else "did not pass"
    versions = [f"benchbench {result.benchbench_version}"]
    versions += [f"{name} {version}" for name, version in (result.versions or {}).items()]
    if result.versions is None:
        versions.append("its own versions unknown")
    lines = [
        f": {totals(result.tests)}{chosen}, in {seconds(result.seconds)} s",
        f"({', '.join(versions)}; threads: {result.threads}).",
    ]
    if result.died:
        missing = "" if result.test_count is None else f" of {result.test_count}"
        lines.append(f"Only {len(result.tests)}{missing} tests ran: {result.died}.")
    return Paragraph("\n".join(lines), strong=verdict)


def totals(outcomes: Iterable[CaseOutcome]) -> str:
    """Return "2 failed, 12 passed, 4 skipped"."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    said = [f"{counts[one]} {one}" for one in ("failed", "passed", "skipped") if counts[one]]
    return ", ".join(said) or "no test ran"


def _failures(functions: dict[str, list[CaseOutcome]]) -> tuple[Items, ...]:
    """Return an item for each test function and reason, with the parameters that failed."""
    told: list[str] = []
    for name, outcomes in functions.items():
        by_reason: dict[str, list[str]] = {}
        for outcome in outcomes:
            if outcome.outcome == "failed":
                reason = _line(outcome.reason or _NO_REASON)
                by_reason.setdefault(reason, []).append(outcome.parameters or "")
        reasons = list(by_reason.items())
        for reason, parameters in reasons[:_REASONS]:
            listed = f" ({', '.join(parameters)})" if any(parameters) else ""
            told.append(CodeText(f"`{name}`{listed}: {reason}"))
        rest = [one for _, parameters in reasons[_REASONS:] for one in parameters]
        if rest:
            all_failed = all(outcome.outcome == "failed" for outcome in outcomes)
            listed = f"all {len(rest)} others" if all_failed else ", ".join(rest)
            told.append(CodeText(f"`{name}` ({listed}): for reasons that --json tells"))
    return items(told, "Failed:")


def _skips(result: Conformance) -> tuple[Items, ...]:
    """Return an item for each answer of the backend, with all that it refuses so, and each reason.

    The commonest come first; of those after the third, the test functions are counted.
    """
    by_reason: dict[str, list[CaseOutcome]] = {}
    for outcome in result.tests:
        if outcome.outcome == "skipped":
            by_reason.setdefault(_answer(outcome), []).append(outcome)
    common = sorted(by_reason.values(), key=len, reverse=True)
    told = [f"{len(outcomes)}: {_skipped(result, outcomes)}" for outcomes in common[:_REASONS]]
    rest = Counter(one.function for outcomes in common[_REASONS:] for one in outcomes)
    if rest:
        listed = ", ".join(f"`{name}` ({count})" for name, count in rest.items())
        told.append(CodeText(f"{rest.total()} others, for reasons that --json tells: {listed}"))
    return items(told, "Skipped:")


def _skipped(result: Conformance, outcomes: list[CaseOutcome]) -> str:
    """Return why these were skipped: one reason, or one answer to all that was refused."""
    refusals = [refused(outcome.reason or "") for outcome in outcomes]
    names = list(dict.fromkeys(one[0] for one in refusals if one))
    answer = _answer(outcomes[0])
    return _line(refusal(result.backend, ", ".join(names), answer) if names else answer)


def _answer(outcome: CaseOutcome) -> str:
    """Return the backend's answer where it refused, else the reason."""
    reason = outcome.reason or _NO_REASON
    found = refused(reason)
    return found[1] if found else reason


def _line(reason: str) -> str:
    """Return the reason as one line, cut where it is very long.

    pytest's lines on where each value comes from, which start with a plus, are left out.
    """
    lines = [line for line in reason.splitlines() if not line.startswith(" +")]
    reason = one_line("\n".join(lines))
    if len(reason) > _REASON_LENGTH:
        reason = f"{reason[:_REASON_LENGTH]} \N{HORIZONTAL ELLIPSIS}"
    return reason
