"""Derive bands from records: `python studies/bands.py --results DIR ...`, as TOML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchbench.errors import BenchbenchError, UsageError


def bands(
    results: Annotated[
        list[Path] | None, typer.Option(help="Folders of records; default ./results.")
    ] = None,
    backend: Annotated[str | None, typer.Option(help="Only runs of this backend.")] = None,
) -> None:
    """Print the bands of the test metric and of the losses that the saved runs give, as TOML.

    One band for each spec and data set with ten seeds or more, each seed once: of a seed that
    several folders have, the first's.
    """
    from benchbench.certify.bands import as_toml
    from benchbench.compare.derived_bands import derive_bands
    from benchbench.run.store import read, results_folder

    records = [record for folder in results or [results_folder(None)] for record in read(folder)[0]]
    found = derive_bands(one for one in records if backend in {None, one.backend})
    if not found:
        raise UsageError(
            "no spec and data set has ten seeds here; make them with: "
            "benchbench run --backend torch --division tuned --model all --blocks 10"
        )
    print(as_toml(found), end="")


if __name__ == "__main__":
    try:
        typer.run(bands)
    except BenchbenchError as error:
        sys.exit(f"error: {error}")
