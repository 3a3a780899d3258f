"""`benchbench certify --outcome`: is the final accuracy the reference's, over seeds?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.cli.output import answer
from benchbench.cli.progress import note, progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchbench.plugins.registry import Registry
    from benchbench.run.plan import Cell
    from benchbench.spec.protocol import TrainingProtocol


def test_outcome(
    cells: Sequence[Cell],
    registry: Registry,
    *,
    protocol: TrainingProtocol,
    dataset: str,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    seeds: int,
    margin: float | None,
    timeout: float,
    results: Path | None,
    wide: bool,
    as_json: bool,
) -> int:
    """Train what is missing, print the report, and return the exit code: 0 if all are equivalent.

    Raises UsageError, before anything is trained, for what cannot be tested.
    """
    from benchbench.experiments.equivalence import Equivalence, find_references
    from benchbench.experiments.session import find_dataset
    from benchbench.report.document import Verbatim
    from benchbench.report.outcome import build
    from benchbench.run.store import Store, results_folder

    references, tested = find_references(cells, registry)
    models = [cell.model for cell in references]
    experiment = Equivalence(
        references=references,
        tested=tested,
        protocol=protocol,
        chosen=find_dataset(dataset, registry, models, note=note),
        device=device,
        threads=threads,
        cpus=cpus,
        seeds=seeds,
        margin=margin,
        timeout=timeout,
    )
    store = Store(results_folder(results))
    store.prepare()
    with progress() as listener:
        report = experiment.run(store, listener)
    place = Verbatim(f"records: {store.folder}")
    answer(report, lambda: (*build(report), place), as_json=as_json, wide=wide)
    return 0 if report.holds else 1
