"""`benchbench gate`: performance regression test against a git revision, both interleaved."""

from __future__ import annotations

import typer

from benchbench import quantities
from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.cli.progress import note, progress
from benchbench.experiments.gate.sessions import Limits
from benchbench.experiments.selection import find_processors, find_protocol, find_question
from benchbench.experiments.session import find_dataset

_TIMEOUT_SECONDS = 1800.0


def gate(  # noqa: PLR0917 - one parameter an option
    against: options.Against,
    backend: options.SomeBackends = None,
    model: options.SomeModels = None,
    division: options.Division = "all",
    device: options.Device = "auto",
    dataset: options.Dataset = "auto",
    protocol: options.Protocol = None,
    margin: options.Margin = "3%",
    confidence: options.Confidence = "95%",
    blocks: options.SeveralBlocks = 4,
    max_blocks: options.MostBlocks = 10,
    budget: options.Budget = None,
    epochs: options.EpochsOfEach = 11,
    threads: options.Threads = None,
    seed: options.Seed = 0,
    results: options.Results = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    quick: options.Quick = False,
    certify: options.Certify = True,
    strict: options.StrictVerdicts = False,
    as_json: options.AsJson = False,
    format: options.PageFormat = None,
) -> None:
    """Test whether this tree is slower than a revision, or a backend than in another environment.

    Without --backend it takes all backends of this checkout, without --model single-layer. Both
    sides run interleaved in one session; a slowdown must show in a second session too.
    """
    from benchbench.experiments.gate.gate import Gate
    from benchbench.experiments.gate.sides import find_sides
    from benchbench.plugins.registry import load_registry
    from benchbench.report.gate import build
    from benchbench.run.store import Store, results_folder

    question = find_question(margin, confidence)
    seconds = None if budget is None else quantities.seconds(budget, "--budget")
    store = Store(results_folder(results))
    registry = load_registry()
    names = model or ["single-layer"]
    aside = store.folder.parent
    sides = find_sides(against, backend, division, names, registry, aside=aside)
    store.prepare()
    thread_count, cpus = find_processors(threads)
    models = [cell.model for cell in sides.cells]
    found = Gate(
        sides=sides,
        registry=registry,
        protocol=find_protocol(protocol, epochs),
        chosen=find_dataset(dataset, registry, models, note=note, quick=quick),
        device=device,
        threads=thread_count,
        cpus=cpus,
        seed=seed,
        question=question,
        limits=Limits(blocks, max(blocks, max_blocks), seconds),
        timeout=timeout,
        certify=certify,
        strict=strict,
    )
    with progress() as listener:
        report = found.run(store, listener)
    answer(report, lambda: build(report), as_json=as_json, format=format)
    raise typer.Exit(0 if report.passed else 1)
