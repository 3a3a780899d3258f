"""`benchbench conform`: the conformance suite over a backend, as a table for its README."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.cli.progress import TestLines
from benchbench.errors import BenchbenchError, Unavailable
from benchbench.experiments.names import find_backend, find_divisions
from benchbench.experiments.selection import find_protocol

if TYPE_CHECKING:
    from benchbench.plugins.contract import BackendInfo


def conform(  # noqa: PLR0917 - one parameter an option
    backend: Annotated[str, typer.Argument(help="An installed backend.")],
    division: options.Division = "all",
    device: Annotated[str, typer.Option(help="One of the backend's devices.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    select: Annotated[
        str | None, typer.Option("-k", help="Only the tests that match, as pytest's -k.")
    ] = None,
    protocol: options.Protocol = None,
    as_json: options.AsJson = False,
) -> None:
    """Test a backend against the reference; exit with 1 if a test fails.

    Each division is tested in a process of its own. A model that the backend answers with
    Unsupported is skipped.
    """
    from benchbench.plugins.registry import load_registry

    info = find_backend(backend, load_registry())
    divisions = find_divisions(info, division)
    find_protocol(protocol, None)  # a file that is wrong is refused before a test runs
    if importlib.util.find_spec("pytest") is None:
        raise Unavailable(
            "the conformance suite runs under pytest, which is not installed; install it with: "
            "pip install 'benchbench-harness[test]'"
        )
    from benchbench.testing import report
    from benchbench.testing.session import Suite, run_suite

    if device != "cpu":
        device = _find_device(info, device)
    results = []
    for one in divisions:
        print(f"testing {info.name}, {one}, on {device} ...", file=sys.stderr)
        suite = Suite(
            backend=info,
            division=one,
            device=device,
            threads=threads,
            select=select,
            protocol=protocol and protocol.absolute(),
        )
        progress = TestLines()
        results.append(run_suite(suite, progress))
        progress.end()
    answer(results, lambda: sum(map(report.build, results), ()), as_json=as_json)
    raise typer.Exit(0 if all(result.passed for result in results) else 1)


def _find_device(info: BackendInfo, wanted: str) -> str:
    """Ask the backend, in a process of its own. Raises Unavailable, with the devices it has."""
    from benchbench.plugins.devices import resolve_device
    from benchbench.run.probe import probe

    answer = probe(info)
    if answer.error:
        raise BenchbenchError(f"the backend '{info.name}' did not name its devices: {answer.error}")
    return resolve_device(wanted, answer.devices, info.name)
