"""`benchbench conform`: the conformance suite over a backend, as a table for its README."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.cli.progress import TestLines
from benchbench.experiments.names import find_backend, find_device, find_divisions
from benchbench.experiments.selection import (
    find_models,
    find_processors,
    find_protocol,
    must_have_pytest,
)


def conform(  # noqa: PLR0917 - one parameter an option
    backend: Annotated[str, typer.Argument(help="An installed backend.")],
    model: options.SomeModels = None,
    division: options.Division = "all",
    device: options.Device = "cpu",
    threads: options.Threads = 1,
    select: Annotated[
        str | None, typer.Option("-k", help="Only the tests that match, as pytest's -k.")
    ] = None,
    protocol: options.Protocol = None,
    as_json: options.AsJson = False,
) -> None:
    """Test a backend against the reference; exit with 1 if a test fails.

    Each division is tested in a process of its own. Without --model the models are the catalog and
    a few odd ones. A model that the backend answers with Unsupported is skipped.
    """
    from benchbench.plugins.registry import load_registry

    registry = load_registry()
    info = find_backend(backend, registry)
    divisions = find_divisions(info, division)
    models = tuple(find_models(model or [], registry))
    threads, _ = find_processors(threads)
    find_protocol(protocol, None, models=models)  # what is wrong is refused before a test runs
    must_have_pytest()
    from benchbench.testing import report
    from benchbench.testing.session import Suite, run_suite

    device = find_device(info, device)
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
            models=models,
        )
        progress = TestLines()
        results.append(run_suite(suite, progress))
        progress.end()
    answer(results, lambda: sum(map(report.build, results), ()), as_json=as_json)
    raise typer.Exit(0 if all(result.passed for result in results) else 1)
