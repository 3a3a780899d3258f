"""`benchbench gate`: performance regression test against a git revision, both interleaved."""

from __future__ import annotations

from pathlib import Path

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
    """Performance regression test of this tree against a git revision; exit 1 if it is slower.

    Without --backend it takes all backends of this checkout, without --model single-layer. Both
    trees run interleaved in one session; a slowdown must show in a second session too.
    """
    from benchbench.experiments.gate.checkout import find_checkout, find_commit
    from benchbench.experiments.gate.gate import Gate
    from benchbench.experiments.gate.pairs import find_tree_cells
    from benchbench.plugins.registry import load_registry
    from benchbench.report.gate import build
    from benchbench.run.store import Store, results_folder

    question = find_question(margin, confidence)
    seconds = None if budget is None else quantities.seconds(budget, "--budget")
    store = Store(results_folder(results))
    checkout = find_checkout(Path.cwd(), aside=store.folder.parent)
    commit = find_commit(checkout, against)
    registry = load_registry()
    cells = find_tree_cells(backend, division, model or ["single-layer"], registry, checkout.root)
    store.prepare()
    thread_count, cpus = find_processors(threads)
    models = [cell.model for cell in cells]
    found = Gate(
        checkout=checkout,
        ref=against,
        ref_commit=commit,
        registry=registry,
        cells=cells,
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
