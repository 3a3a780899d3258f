"""`benchbench conform`: the conformance suite over a backend, as a table for its README."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.cli import options
from benchbench.errors import BenchbenchError, Unavailable
from benchbench.experiments.names import find_backend, find_divisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchbench.plugins.contract import BackendInfo
    from benchbench.testing.outcomes import Conformance, Outcome

# A reason in the table is cut here; --json has it whole.
_REASON_LENGTH = 300

# So many reasons are told of one test function; --json has all of them.
_REASONS = 3

# So much is shown of what a process printed before it died.
_LOG_LENGTH = 2000


def conform(  # noqa: PLR0917 - one parameter an option
    backend: Annotated[str, typer.Argument(help="An installed backend.")],
    division: Annotated[str, typer.Option(help="'all' tests every division it has.")] = "all",
    device: Annotated[str, typer.Option(help="One of the backend's devices.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    select: Annotated[
        str | None, typer.Option("-k", help="Only the tests that match, as pytest's -k.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Test a backend against the reference; exit with 1 if a test fails.

    Each division is tested in a process of its own. A model that the backend answers with
    Unsupported is skipped.
    """
    from benchbench.plugins.registry import load_registry

    info = find_backend(backend, load_registry())
    divisions = find_divisions(info, division)
    if importlib.util.find_spec("pytest") is None:
        raise Unavailable(
            "the conformance suite runs under pytest, which is not installed; install it with: "
            "pip install 'benchbench-harness[test]'"
        )
    from benchbench.testing.session import Suite, run_suite

    if device != "cpu":
        device = _find_device(info, device)
    results = []
    for one in divisions:
        print(f"testing {info.name}, {one}, on {device} ...", file=sys.stderr)
        suite = Suite(backend=info, division=one, device=device, threads=threads, select=select)
        progress = _Progress()
        results.append(run_suite(suite, progress))
        progress.end()
    print(_as_json(results) if as_json else "\n\n".join(map(render, results)))
    raise typer.Exit(0 if all(result.passed for result in results) else 1)


def _find_device(info: BackendInfo, wanted: str) -> str:
    """Ask the backend, in a process of its own. Raises Unavailable, with the devices it has."""
    from benchbench.plugins.devices import resolve_device
    from benchbench.run.probe import probe

    answer = probe(info)
    if answer.error:
        raise BenchbenchError(f"the backend '{info.name}' did not name its devices: {answer.error}")
    return resolve_device(wanted, answer.devices, info.name)


class _Progress:
    """A line on stderr for every test function: its name when it starts, then what came of it."""

    def __init__(self) -> None:
        self._running: str | None = None
        self._outcomes: list[Outcome] = []

    def test_started(self, test: str) -> None:
        from benchbench.testing.outcomes import function

        if function(test) != self._running:
            self.end()
            self._running = function(test)
            print(f"  {self._running}: ", end="", file=sys.stderr, flush=True)

    def test_finished(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)

    def died(self, log: str) -> None:
        if self._running:
            print("died", file=sys.stderr)
            self._running = None
        # Where Python says it crashed, the innermost frames come first.
        crash = log.rfind("Fatal Python error")
        told = log[-_LOG_LENGTH:] if crash < 0 else log[crash:][:_LOG_LENGTH]
        print(f"the process died; the end of what it printed:\n{told}", file=sys.stderr)

    def end(self) -> None:
        if self._running:
            print(_totals(self._outcomes), file=sys.stderr, flush=True)
        self._running, self._outcomes = None, []


def _as_json(results: Sequence[Conformance]) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(results), indent=2).decode()


def render(result: Conformance) -> str:
    """Return one division's result as Markdown: a row a test function, failures beneath."""
    from benchbench.report.exports.markdown import markdown_table

    functions: dict[str, list[Outcome]] = {}
    for outcome in result.tests:
        functions.setdefault(outcome.function, []).append(outcome)
    rows = [[f"`{name}`", _totals(outcomes)] for name, outcomes in functions.items()]
    parts = [f"## {result.backend}, {result.division}, on {result.device}", _summary(result)]
    if rows:
        parts.append(markdown_table(rows, ["test", "outcome"]))
    failures, skips = _failures(functions), _skips(result.tests)
    if failures:
        parts += ["Failed:", "\n".join(failures)]
    if skips:
        parts += ["Skipped:", "\n".join(skips)]
    return "\n\n".join(parts)


def _summary(result: Conformance) -> str:
    """Return the answer, the totals, and what they are of: the lines above the table."""
    from benchbench.report.text import seconds

    chosen = f" of the tests that match `{result.selected}`" if result.selected else ""
    verdict = "conforms" if result.passed else "does not conform"
    if result.selected:
        verdict = "passed" if result.passed else "did not pass"
    versions = [f"benchbench {result.benchbench_version}"]
    versions += [f"{name} {version}" for name, version in (result.versions or {}).items()]
    if result.versions is None:
        versions.append("its own versions unknown")
    lines = [
        f"**{verdict}**: {_totals(result.tests)}{chosen}, in {seconds(result.seconds)} s",
        f"({', '.join(versions)}; threads: {result.threads}).",
    ]
    if result.died:
        missing = "" if result.test_count is None else f" of {result.test_count}"
        lines.append(f"Only {len(result.tests)}{missing} tests ran: {result.died}.")
    return "\n".join(lines)


def _totals(outcomes: Iterable[Outcome]) -> str:
    """Return "2 failed, 12 passed, 4 skipped"."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    said = [f"{counts[one]} {one}" for one in ("failed", "passed", "skipped") if counts[one]]
    return ", ".join(said) or "no test ran"


def _failures(functions: dict[str, list[Outcome]]) -> list[str]:
    """Return items for each test function: its parameters that failed, by reason."""
    items = []
    for name, outcomes in functions.items():
        reasons: dict[str, list[str]] = {}
        for outcome in outcomes:
            if outcome.outcome == "failed":
                reasons.setdefault(_reason(outcome), []).append(outcome.parameters or "")
        told = list(reasons.items())
        for reason, parameters in told[:_REASONS]:
            listed = f" ({', '.join(parameters)})" if any(parameters) else ""
            items.append(f"- `{name}`{listed}: {reason}")
        rest = [one for _, parameters in told[_REASONS:] for one in parameters]
        if rest:
            all_failed = all(outcome.outcome == "failed" for outcome in outcomes)
            listed = f"all {len(rest)} others" if all_failed else ", ".join(rest)
            items.append(f"- `{name}` ({listed}): for reasons that --json tells")
    return items


def _skips(outcomes: Iterable[Outcome]) -> list[str]:
    """Return an item for each reason, with the number of tests that it kept from running."""
    counts = Counter(_reason(outcome) for outcome in outcomes if outcome.outcome == "skipped")
    return [f"- {count}: {reason}" for reason, count in counts.items()]


def _reason(outcome: Outcome) -> str:
    """Return the reason as one line of Markdown, cut where it is very long.

    pytest's lines on where each value comes from, which start with a plus, are left out.
    """
    from benchbench.report.exports.markdown import escape
    from benchbench.report.text import one_line

    lines = (outcome.reason or "no reason was given").splitlines()
    reason = one_line("\n".join(line for line in lines if not line.startswith(" +")))
    if len(reason) > _REASON_LENGTH:
        reason = f"{reason[:_REASON_LENGTH]} \N{HORIZONTAL ELLIPSIS}"
    return escape(reason)
