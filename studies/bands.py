"""Derive accuracy bands from records: `python studies/bands.py --results DIR ...`, as TOML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.errors import BenchbenchError, UsageError

if TYPE_CHECKING:
    from benchbench.certify.bands import Band
    from benchbench.records import RunRecord


def bands(
    results: Annotated[
        list[Path] | None, typer.Option(help="Folders of records; default ./results.")
    ] = None,
) -> None:
    """Print the accuracy bands that the saved runs give, as TOML.

    One band for each spec and data set with ten seeds or more; runs of all backends count, each
    seed of a backend once.
    """
    import msgspec

    from benchbench.run.store import read, results_folder

    records = [record for folder in results or [results_folder(None)] for record in read(folder)[0]]
    found = derive(records)
    if not found:
        raise UsageError(
            "no spec and data set has ten seeds here; make them with: "
            "benchbench run --backend torch --division tuned --model all --blocks 10"
        )
    print(msgspec.toml.encode({"band": found}).decode(), end="")


def derive(records: list[RunRecord]) -> list[Band]:
    """Return a band for each (spec, data set) with enough seeds, sorted by data set and model.

    A run that an older band found invalid counts as well, else a band could never move.
    """
    from benchbench.certify.bands import FEWEST_SEEDS, Band, mean_and_sd
    from benchbench.compare.accuracy import counted_metric
    from benchbench.compare.metrics import metric_name

    seeds: dict[tuple[str, str], dict[tuple[str, int], RunRecord]] = {}
    for record in records:
        if counted_metric(record) is not None:
            assert record.dataset_sha256 is not None
            key = record.spec_sha256, record.dataset_sha256
            seeds.setdefault(key, {})[record.backend, record.seed] = record
    found = []
    for (spec, dataset), runs in seeds.items():
        if len(runs) < FEWEST_SEEDS:
            continue
        values = [counted_metric(run) for run in runs.values()]
        mean, sd = mean_and_sd([value for value in values if value is not None])
        any_run = next(iter(runs.values()))
        found.append(
            Band(
                model=any_run.model,
                dataset=any_run.dataset,
                spec_sha256=spec,
                dataset_sha256=dataset,
                mean=round(mean, 6),
                sd=round(sd, 6),
                n=len(runs),
                backends=tuple(sorted({backend for backend, _ in runs})),
                metric=metric_name(any_run),
            )
        )
    return sorted(found, key=lambda band: (band.dataset, band.model))


if __name__ == "__main__":
    try:
        typer.run(bands)
    except BenchbenchError as error:
        sys.exit(f"error: {error}")
