"""`benchbench data`: where the data sets are, get MNIST, compare hashes."""

from __future__ import annotations

from typing import Annotated

import typer

from benchbench.cli.output import show
from benchbench.cli.progress import note

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command(short_help="Where data sets were looked for and found.")
def status() -> None:
    """List the places that are searched, in order, and say what `--dataset auto` would take."""
    from benchbench.data.survey import survey, what_auto_takes
    from benchbench.report.datasets import build_survey

    show(build_survey(survey(), what_auto_takes()), plain=True)


@app.command(short_help="Download MNIST into benchbench's cache.")
def fetch() -> None:
    """Download MNIST into benchbench's cache, unless a whole one is there."""
    from benchbench.data import mnist

    folder, downloaded = mnist.fetch(note)
    how = "was downloaded to" if downloaded else "is already in"
    typer.echo(f"MNIST {how} {folder}; its hashes are verified")


@app.command(short_help="Compare a data set with its SHA-256 hashes.")
def verify(
    dataset: Annotated[
        str, typer.Option(help="The data set: auto, mnist, digits, an IDX folder, a plugin's.")
    ] = "mnist",
) -> None:
    """Compare a data set with its SHA-256 hashes, part by part; exit with 3 if one differs."""
    from benchbench.data import container
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
    if examined.expected:
        container.verify(examined.content, examined.expected, examined.name)
