"""`benchbench selftest`: the minimum detectable slowdown here. A backend against itself."""

from __future__ import annotations

from typing import Annotated

import typer

from benchbench import quantities
from benchbench.cli import options
from benchbench.cli.output import answer
from benchbench.cli.progress import note, progress
from benchbench.errors import UsageError
from benchbench.experiments.selection import (
    find_backends,
    find_cells,
    find_models,
    find_protocol,
    find_question,
)
from benchbench.experiments.session import find_dataset

_TIMEOUT_SECONDS = 1800.0


def selftest(  # noqa: PLR0917 - one parameter an option
    backend: options.SomeBackends = None,
    model: options.SomeModels = None,
    division: options.Division = "idiomatic",
    slowdown: Annotated[
        list[str] | None,
        typer.Option(help="How much copies are slowed down; default 3%, 5% and 10%."),
    ] = None,
    blocks: options.SeveralBlocks = 5,
    repeats: Annotated[int, typer.Option(min=1, max=1_000, help="Comparisons of each kind.")] = 2,
    epochs: options.EpochsOfEach = 11,
    margin: options.Margin = "3%",
    dataset: options.Dataset = "auto",
    protocol: options.Protocol = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    executor: options.ExecutorName = "local",
    executor_options: options.ExecutorOptions = None,
    results: options.Results = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Compare a backend with itself, and with itself slowed down by known fractions.

    By default numpy, idiomatic, on single-layer. Exits with 1 if a run fails, or if equals are
    called FASTER or SLOWER.
    """
    from benchbench.experiments.selftest import SelfTest
    from benchbench.plugins.registry import load_registry
    from benchbench.report import resolution
    from benchbench.run.store import Store, results_folder

    question = find_question(margin)
    wanted = [quantities.fraction(one, "--slowdown") for one in slowdown or ("3%", "5%", "10%")]
    registry = load_registry()
    models = find_models(model or ["single-layer"], registry)
    cells = find_cells(find_backends(backend or ["numpy"], registry), division, models)
    if len(cells) != 1:
        names = ", ".join(f"{cell.model.name} {cell.name}" for cell in cells)
        raise UsageError(
            f"a self-test is of one model under one division of a backend, but there are {names}"
        )
    store = Store(results_folder(results))
    store.prepare()
    experiment = SelfTest(
        cell=cells[0],
        slowdowns=tuple(wanted),
        repeats=repeats,
        blocks=blocks,
        question=question,
        protocol=find_protocol(protocol, epochs),
        chosen=find_dataset(dataset, registry, models, note=note),
        device=device,
        threads=threads,
        timeout=timeout,
        executor=executor,
        executor_options=executor_options,
    )
    with progress() as listener:
        found = experiment.run(registry, store, listener)
    answer(found, lambda: resolution.build(experiment.title, found), as_json=as_json)
    raise typer.Exit(1 if found.false_alarms else 0)
