"""`benchbench run`: train the cells, interleaved; save a record of each; print what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench import quantities
from benchbench.cli import options
from benchbench.cli.progress import note, progress
from benchbench.experiments.selection import (
    find_backends,
    find_cells,
    find_models,
    find_processors,
    find_protocol,
)
from benchbench.experiments.session import find_dataset

if TYPE_CHECKING:
    from benchbench.records import RunRecord

_TIMEOUT_SECONDS = 3600.0
_QUICK_EPOCHS = 2


def run(  # noqa: PLR0917 - one parameter an option
    backend: options.Backends,
    model: options.Models,
    division: Annotated[
        str, typer.Option(help="'all' runs every division a backend has.")
    ] = "idiomatic",
    device: options.Device = "auto",
    dataset: options.Dataset = "auto",
    protocol: options.Protocol = None,
    blocks: Annotated[
        int, typer.Option(min=1, help="Repeat everything; block b trains with seed + b.")
    ] = 1,
    until: Annotated[
        str | None,
        typer.Option(help="Go on, block by block, until every ratio is known so well: 2%."),
    ] = None,
    budget: Annotated[
        str, typer.Option(help="With --until: begin no further block after so long (90s, 30m).")
    ] = "30m",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs in place of 5.")] = None,
    threads: options.Threads = None,
    seed: Annotated[int, typer.Option(min=0, help="For first weights and shuffling.")] = 0,
    results: options.RecordsInto = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the images, 2 epochs: does it work at all?")
    ] = False,
    certify: Annotated[
        bool, typer.Option(help="First certify the cells that no valid certificate is kept of.")
    ] = True,
    certify_batch: options.CertifiedBatchSize = None,
    executor: Annotated[
        str, typer.Option(help="Where blocks run: local, or what a plugin offers.")
    ] = "local",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the records as JSON, not tables.")
    ] = False,
) -> None:
    """Train models under backends and compare what they take.

    Every run has a process of its own; the runs of one model take turns, epoch by epoch. Each cell
    is certified first: a comparison is of backends that train the same function.
    """
    from benchbench.experiments.executors import find_executor
    from benchbench.experiments.matrix import Matrix, Until, run_matrix
    from benchbench.experiments.results import Results
    from benchbench.plugins.registry import load_registry
    from benchbench.run.store import Store, results_folder

    # What makes no sense is refused before anything is certified, which takes minutes.
    budget_seconds = quantities.seconds(budget, "--budget")
    width = quantities.fraction(until, "--until") if until else None
    registry = load_registry()
    models = find_models(model, registry)
    thread_count, cpus = find_processors(threads)
    runs_on = find_executor(executor, registry)
    store = Store(results_folder(results))
    cells = find_cells(find_backends(backend, registry), division, models)
    matrix = Matrix(
        cells=cells,
        protocol=find_protocol(protocol, epochs if epochs or not quick else _QUICK_EPOCHS),
        certified_protocol=find_protocol(protocol, None, certify_batch) if certify else None,
        dataset=find_dataset(dataset, registry, models, note=note, quick=quick),
        device=device,
        threads=thread_count,
        cpus=cpus,
        seed=seed,
        blocks=blocks,
        until=Until(width=width, budget_seconds=budget_seconds) if width else None,
        timeout_seconds=timeout,
    )
    store.prepare()
    with progress() as listener:
        session_id, records = run_matrix(matrix, registry, store, listener, runs_on)
    _show(records, store.folder.parent, session_id, as_json=as_json)
    raise typer.Exit(Results(tuple(records)).exit_code)


def _show(records: list[RunRecord], results: Path, session_id: str, *, as_json: bool) -> None:
    import shlex

    from benchbench.compare.comparison import compare
    from benchbench.compare.contrast import Question
    from benchbench.report import comparison, single, tables
    from benchbench.report.renderers import json, markdown, terminal

    if as_json:
        print(json.render(records))
        return
    where = f"--results {shlex.quote(str(results))} "
    if len(records) == 1:
        print(terminal.render(single.build(records[0])))
        print(f"\nrecord: {results / 'runs' / records[0].run_id}.json")
        print(f"again:  benchbench report {where}--run {records[0].run_id}")
    else:
        print(tables.render(records, format="markdown"))
        if len({record.model for record in records}) < len(records):
            print(f"\n{markdown.render(comparison.build(compare(records, Question())))}")
        print(f"\nrecords: {results / 'runs'}/{session_id}-*.json")
        print(f"again:   benchbench report {where}--session {session_id}")
        print(f"         benchbench compare {where}--session {session_id}")
