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
    find_processors,
    find_protocol,
    find_question,
)
from benchbench.experiments.session import find_dataset

_TIMEOUT_SECONDS = 1800.0


def selftest(  # noqa: PLR0917 - one parameter an option
    backend: Annotated[str, typer.Option("--backend", "-b", help="The backend.")] = "numpy",
    model: Annotated[str, typer.Option("--model", "-m", help="A model.")] = "single-layer",
    division: Annotated[str, typer.Option(help="One of its divisions.")] = "idiomatic",
    slowdown: Annotated[
        list[str] | None,
        typer.Option(help="How much copies are slowed down; default 3%, 5% and 10%."),
    ] = None,
    blocks: Annotated[int, typer.Option(min=2, help="Blocks of each comparison.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Comparisons of each kind.")] = 2,
    epochs: options.EpochsOfEach = 11,
    margin: options.Margin = "3%",
    dataset: options.Dataset = "auto",
    protocol: options.Protocol = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    results: options.RecordsInto = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Compare a backend with itself, and with itself slowed down by known fractions.

    Exits with 1 if a run fails, or if equals are called FASTER or SLOWER.
    """
    from benchbench.experiments.selftest import SelfTest
    from benchbench.plugins.registry import load_registry
    from benchbench.report import resolution
    from benchbench.run.store import Store, results_folder

    question = find_question(margin)
    wanted = [quantities.fraction(one, "--slowdown") for one in slowdown or ("3%", "5%", "10%")]
    registry = load_registry()
    (one_model,) = find_models([model], registry)
    cells = find_cells(find_backends([backend], registry), division, [one_model])
    if len(cells) != 1:
        raise UsageError("a self-test is of one backend's division: name one backend and division")
    thread_count, cpus = find_processors(threads)
    store = Store(results_folder(results))
    store.prepare()
    experiment = SelfTest(
        cell=cells[0],
        slowdowns=tuple(wanted),
        repeats=repeats,
        blocks=blocks,
        question=question,
        protocol=find_protocol(protocol, epochs),
        chosen=find_dataset(dataset, registry, [one_model], note=note),
        device=device,
        threads=thread_count,
        cpus=cpus,
        timeout=timeout,
    )
    with progress() as listener:
        found = experiment.run(store, listener)
    answer(found, lambda: resolution.build(experiment.title, found), as_json=as_json)
    raise typer.Exit(1 if found.false_alarms else 0)
