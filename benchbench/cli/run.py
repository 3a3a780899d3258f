"""`benchbench run`: train the cells, interleaved; save a record of each; print what they say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench import quantities
from benchbench.cli import options
from benchbench.cli.certify import certify_all
from benchbench.errors import Unavailable
from benchbench.experiments.selection import (
    find_backends,
    find_cells,
    find_models,
    find_processors,
    find_protocol,
)
from benchbench.experiments.session import conduct, conduct_until, find_dataset, must_be_comparable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchbench.certificates import Certificate
    from benchbench.records import RunRecord
    from benchbench.run.plan import Cell, Group

_TIMEOUT_SECONDS = 3600.0
_QUICK_EPOCHS = 2
# Two have an interval, but one so wide that it says nothing.
_LEAST_BLOCKS = 3


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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the records as JSON, not tables.")
    ] = False,
) -> None:
    """Train models under backends and compare what they take.

    Every run has a process of its own; the runs of one model take turns, epoch by epoch. Each cell
    is certified first: a comparison is of backends that train the same function.
    """
    from benchbench.plugins.registry import load_registry
    from benchbench.run.plan import Session
    from benchbench.run.store import Store, results_folder

    # What makes no sense is refused before anything is certified, which takes minutes.
    width = quantities.fraction(until, "--until") if until else None
    budget_seconds = quantities.seconds(budget, "--budget")
    registry = load_registry()
    models = find_models(model, registry)
    cells = find_cells(find_backends(backend, registry), division, models)
    if width is not None:
        must_be_comparable(cells)
    training = find_protocol(protocol, epochs if epochs or not quick else _QUICK_EPOCHS)
    thread_count, cpus = find_processors(threads)
    store = Store(results_folder(results))
    store.prepare()

    chosen = find_dataset(dataset, registry, models, quick=quick)
    certificates: Mapping[Cell, Certificate | str] = {}
    if certify:
        certificates = certify_all(
            cells,
            find_protocol(protocol, None, certify_batch),
            registry,
            device=device,
            threads=thread_count,
            cpus=cpus,
            timeout=timeout,
        )
    else:
        certificates = dict.fromkeys(cells, "--no-certify was given")
    session = Session(
        cells=cells,
        protocol=training,
        dataset=chosen,
        device=device,
        threads=thread_count,
        cpus=cpus,
        seed=seed,
        certificates=certificates,
    )
    if width is None:
        groups = session.blocks(blocks)
        _announce(groups)
        records = conduct(groups, store, timeout)
    else:
        records = conduct_until(
            session,
            store,
            timeout,
            width=width,
            least_blocks=max(blocks, _LEAST_BLOCKS),
            budget_seconds=budget_seconds,
            certified=certify,
        )
    _show(records, store.folder.parent, session.session_id, as_json=as_json)
    raise typer.Exit(_exit_code(records))


def _announce(groups: Sequence[Group]) -> None:
    from benchbench.run.plan import LIVE_WORKERS

    if len(groups) > 1:
        print(
            f"{sum(len(group.runs) for group in groups)} runs in {len(groups)} groups, one after "
            f"another; the runs of a group take turns (at most {LIVE_WORKERS} workers alive at "
            f"once)",
            file=sys.stderr,
        )


def _show(records: list[RunRecord], results: Path, session_id: str, *, as_json: bool) -> None:
    import shlex

    import msgspec

    from benchbench.compare.comparison import compare
    from benchbench.compare.contrast import Question
    from benchbench.report import comparison, single, tables

    if as_json:
        print(msgspec.json.format(msgspec.json.encode(records), indent=1).decode())
        return
    where = f"--results {shlex.quote(str(results))} "
    if len(records) == 1:
        print(single.render(records[0]))
        print(f"\nrecord: {results / 'runs' / records[0].run_id}.json")
        print(f"again:  benchbench report {where}--run {records[0].run_id}")
    else:
        print(tables.render(records, format="markdown"))
        if len({record.model for record in records}) < len(records):
            print(f"\n{comparison.render(compare(records, Question()))}")
        print(f"\nrecords: {results / 'runs'}/{session_id}-*.json")
        print(f"again:   benchbench report {where}--session {session_id}")
        print(f"         benchbench compare {where}--session {session_id}")


def _exit_code(records: list[RunRecord]) -> int:
    """0 if all is well, 1 if a run, a check or a rung failed, 3 if nothing worse than a skip."""
    statuses = {record.status for record in records}
    broken = any(r.certificate and r.certificate.verdict == "breaks" for r in records)
    if statuses <= {"ok"}:
        return 1 if broken else 0
    return Unavailable.exit_code if statuses <= {"ok", "skipped"} and not broken else 1
