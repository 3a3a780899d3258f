"""`benchbench selftest`: what can this machine tell apart? A backend against itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench import quantities
from benchbench.cli import options
from benchbench.cli.progress import note, progress
from benchbench.errors import BenchbenchError, UsageError
from benchbench.experiments.selection import find_backends, find_cells, find_models, find_processors
from benchbench.experiments.session import conduct, find_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.compare.contrast import Contrast, Question
    from benchbench.data.catalog import Chosen
    from benchbench.records import RunRecord, Variant
    from benchbench.run.plan import Cell

_TIMEOUT_SECONDS = 1800.0
_UNCERTIFIED = "a self-test compares a backend with itself"


def selftest(  # noqa: PLR0917 - one parameter an option
    backend: Annotated[str, typer.Option("--backend", "-b", help="The backend.")] = "numpy",
    model: Annotated[str, typer.Option("--model", "-m", help="A model.")] = "single-layer",
    division: Annotated[str, typer.Option(help="idiomatic or tuned.")] = ("idiomatic"),
    slowdown: Annotated[
        list[str] | None,
        typer.Option(help="How much copies are slowed down; default 3%, 5% and 10%."),
    ] = None,
    blocks: Annotated[int, typer.Option(min=2, help="Blocks of each comparison.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Comparisons of each kind.")] = 2,
    epochs: options.EpochsOfEach = 11,
    margin: options.Margin = "3%",
    dataset: options.Dataset = "auto",
    device: options.Device = "auto",
    threads: options.Threads = None,
    results: options.RecordsInto = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Compare a backend with itself, and with itself slowed down by known fractions.

    Exits with 1 if a run fails, or if equals are called FASTER or SLOWER.
    """
    import msgspec

    from benchbench.compare.contrast import Question
    from benchbench.compare.resolution import resolve
    from benchbench.plugins.registry import load_registry
    from benchbench.report import resolution
    from benchbench.run.plan import Session
    from benchbench.run.store import Store, results_folder
    from benchbench.spec.protocol import TrainingProtocol

    question = Question(margin=quantities.fraction(margin, "--margin"))
    wanted = [quantities.fraction(one, "--slowdown") for one in slowdown or ("3%", "5%", "10%")]
    registry = load_registry()
    (one_model,) = find_models([model], registry)
    cells = find_cells(find_backends([backend], registry), division, [one_model])
    if len(cells) != 1:
        raise UsageError("a self-test is of one backend's division: name one backend and division")
    thread_count, cpus = find_processors(threads)
    store = Store(results_folder(results))
    store.prepare()
    chosen = find_dataset(dataset, registry, [one_model], note=note)
    copies = _copies(cells[0], wanted)
    found: dict[float, list[Contrast]] = {}
    for number in range(repeats):
        print(f"comparison {number + 1} of {repeats}", file=sys.stderr, flush=True)
        session = Session(
            cells=tuple(copies),
            protocol=TrainingProtocol(epochs=epochs),
            dataset=chosen,
            device=device,
            threads=thread_count,
            cpus=cpus,
            seed=0,
            certificates=tuple((copy, _UNCERTIFIED) for copy in copies),
        )
        with progress() as listener:
            records = conduct(session.blocks(blocks), store, timeout, listener)
        for fraction, contrast in judged(records, question):
            found.setdefault(fraction, []).append(contrast)
    summary = resolve(dict(found), blocks, question)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(summary), indent=1).decode())
    else:
        print(resolution.render(_title(cells[0], chosen, epochs), summary))
    raise typer.Exit(1 if summary.false_alarms else 0)


def judged(records: Sequence[RunRecord], question: Question) -> list[tuple[float, Contrast]]:
    """Compare the copies of one session with the first of them; the fraction comes with each.

    Raises BenchbenchError where a run failed.
    """
    from benchbench.compare.contrast import contrast
    from benchbench.compare.verdicts import judge

    failed = [record for record in records if record.status != "ok"]
    if failed:
        raise BenchbenchError(f"{failed[0].run_id} was {failed[0].status}: {failed[0].error}")
    by_variant: dict[Variant | None, list[RunRecord]] = {}
    for record in sorted(records, key=lambda one: one.run_id):
        by_variant.setdefault(record.variant, []).append(record)
    baseline = by_variant.pop(None)
    found = []
    for variant, runs in by_variant.items():
        (one,) = judge([contrast(runs, baseline, question)], question)
        found.append((variant.slowdown if variant else 0.0, one))
    return found


def _copies(cell: Cell, slowdowns: Sequence[float]) -> list[Cell]:
    """Return the cell, the same again under another label, and a copy for every slow-down."""
    import msgspec

    from benchbench.records import Variant

    variants = [Variant("again")]
    variants += [Variant(f"{100 * one:g} % slower", slowdown=one) for one in slowdowns]
    return [cell, *(msgspec.structs.replace(cell, variant=variant) for variant in variants)]


def _title(cell: Cell, chosen: Chosen, epochs: int) -> str:
    return (
        f"{cell.backend} {cell.division}, {cell.model.name} on {chosen.name}, "
        f"{epochs - 1} steady epochs a run"
    )
