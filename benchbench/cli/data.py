"""`benchbench data`: where the data sets are, get MNIST, compare hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.errors import BenchbenchError, DataError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchbench.data.container import Content

app = typer.Typer(no_args_is_help=True)

_ABSENT = "nothing there"


@app.command()
def status() -> None:
    """List the places that are searched, in order, and say what `--dataset auto` would take."""
    from benchbench.data import digits, mnist
    from benchbench.report.document import grid
    from benchbench.report.renderers import terminal

    rows, faults = [], []

    def add(name: str, place: str, path: str, read: Callable[[], Content] | None) -> None:
        state = _ABSENT
        if read:
            try:
                read()
                state = "verified"
            except DataError as error:
                state = "damaged"
                faults.append(f"damaged: {error}")
        rows.append([name, place, path, state])

    for place in mnist.places():
        try:
            found = place.found()
        except DataError as error:
            faults.append(f"passed over: {error}")
            found = None
        read = (lambda location=found: mnist.read(location)) if found else None
        add("mnist", place.label, str(found or place.path), read)
    cache = digits.cached()
    made = cache.is_dir()
    add("digits", "benchbench's cache", str(cache), (lambda: digits.read(cache)) if made else None)
    typer.echo(terminal.render((grid(rows, ["data set", "place", "path", "state"]),)))
    typer.echo("\n".join(["", *faults, f"--dataset auto would take: {_auto()}"]))


@app.command()
def fetch() -> None:
    """Download MNIST into benchbench's cache, unless a whole one is there."""
    from benchbench.data import mnist

    folder, downloaded = mnist.fetch()
    how = "was downloaded to" if downloaded else "is already in"
    typer.echo(f"MNIST {how} {folder}; its hashes are verified")


@app.command()
def verify(
    dataset: Annotated[
        str, typer.Option(help="mnist, digits, a plugin's data set, or a folder of IDX files.")
    ] = "mnist",
) -> None:
    """Compare a data set with its SHA-256 hashes, part by part; exit with 3 if one differs."""
    from benchbench.data import catalog, container
    from benchbench.plugins.registry import load_registry
    from benchbench.report.document import grid
    from benchbench.report.renderers import terminal

    offered = {name: offer.item for name, offer in load_registry().datasets.items()}
    if dataset in offered:
        whole = catalog.choose(dataset, offered).sha256
        typer.echo(f"{dataset} is read by its plugin, which states SHA-256 {whole} for the whole")
        return
    name, content, expected = _content(dataset)
    rows = []
    for part, actual in content.sha256.items():
        state = "as expected" if expected.get(part) == actual else "DIFFERENT"
        rows.append([part, content.places[part], actual, state if expected else "nothing expected"])
    header = [name, "file", "SHA-256 of the decoded IDX content", "state"]
    typer.echo(terminal.render((grid(rows, header),)))
    if expected:
        container.verify(content, expected, name)


def _auto() -> str:
    from benchbench.data import catalog, mnist

    try:
        if mnist.search() is None:
            return "mnist, downloaded, if a mirror can be reached; else digits"
        return catalog.choose("auto", {}).note
    except BenchbenchError as error:
        return f"nothing; it would stop with: {error}"


def _content(name: str) -> tuple[str, Content, Mapping[str, str]]:
    """Return a data set's name, its content unverified, and the hashes that it should have.

    A folder that is a data set of its own has no hashes to be held to.
    """
    from pathlib import Path

    from benchbench.data import catalog, container, digits, folder, mnist

    if name == "auto":
        name = catalog.choose(name, {}).name
    if name == "mnist":
        place = mnist.search()
        location = place.found() if place else None
        if location is None:
            raise Unavailable(
                f"MNIST is in none of the places searched; `benchbench data fetch` downloads it. "
                f"{mnist.ADVICE}"
            )
        return name, container.read(location), mnist.HASHES
    if name == "digits":
        cache = digits.cached()
        return name, container.read(cache) if cache.is_dir() else digits.make(), digits.HASHES
    chosen = catalog.choose(name, {})
    content = folder.read(folder.locate(Path(name)))
    return chosen.name, content, mnist.HASHES if chosen.name == "mnist" else {}
