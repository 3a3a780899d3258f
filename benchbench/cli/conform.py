"""`benchbench conform`: the conformance suite over a backend, as a table for its README."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.cli import options
from benchbench.errors import BenchbenchError, Unavailable
from benchbench.experiments.names import find_backend, find_divisions

if TYPE_CHECKING:
    from benchbench.plugins.contract import BackendInfo
    from benchbench.testing.outcomes import CaseOutcome

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
    from benchbench.report.renderers import json, markdown
    from benchbench.testing import report
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
    if as_json:
        print(json.render(results, indent=2))
    else:
        print("\n\n".join(markdown.render(report.build(one)) for one in results))
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
        self._outcomes: list[CaseOutcome] = []

    def test_started(self, test: str) -> None:
        from benchbench.testing.outcomes import function

        if function(test) != self._running:
            self.end()
            self._running = function(test)
            print(f"  {self._running}: ", end="", file=sys.stderr, flush=True)

    def test_finished(self, outcome: CaseOutcome) -> None:
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
        from benchbench.testing.report import totals

        if self._running:
            print(totals(self._outcomes), file=sys.stderr, flush=True)
        self._running, self._outcomes = None, []
