"""`benchbench data`: where the data sets are, get one, compare hashes."""

from __future__ import annotations

from typing import Annotated

import typer

from benchbench.cli.output import show
from benchbench.cli.progress import note
from benchbench.errors import DataError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command(short_help="Where data sets were looked for and found.")
def status() -> None:
    """List the places that are searched, in order, and say what `--dataset auto` would take."""
    from benchbench.data.survey import survey, what_auto_takes
    from benchbench.report.datasets import build_survey

    show(build_survey(survey(), what_auto_takes()), plain=True)


@app.command(short_help="Download a data set into benchbench's cache.")
def fetch(
    name: Annotated[str, typer.Argument(help="mnist, or another of `benchbench list`.")] = "mnist",
) -> None:
    """Download a data set into benchbench's cache, unless a whole one is there."""
    from benchbench.data.fetching import fetch as fetch_by_name

    typer.echo(fetch_by_name(name, note))


@app.command(short_help="Compare a data set with its hashes.")
def verify(
    dataset: Annotated[str, typer.Option(help="The data set: as `run` takes it.")] = "mnist",
) -> None:
    """Compare a data set with its hashes, part by part; exit with 3 if one differs."""
    from benchbench.data.survey import examine
    from benchbench.plugins.registry import load_registry
    from benchbench.report.datasets import build_hashes
    from benchbench.run.offered_dataset import choose_offered

    registry = load_registry()
    if dataset in registry.datasets:
        whole = choose_offered(dataset, registry).sha256
        typer.echo(f"{dataset} is read by its plugin, which states SHA-256 {whole} for the whole")
        return
    examined = examine(dataset)
    show(build_hashes(examined), plain=True)
    if examined.fault:
        raise DataError(examined.fault)
