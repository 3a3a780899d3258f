"""Where the data sets are, and whether they are what they should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from benchbench.data import catalog, container, digits, folder, mnist, table
from benchbench.data.container import Content
from benchbench.errors import BenchbenchError, DataError, Unavailable, UsageError
from benchbench.files import is_there

State: TypeAlias = Literal["verified", "damaged", "passed over", "nothing there"]


@dataclass(frozen=True)
class SearchedPlace:
    """What is at one of the places that are searched; `fault` says what is wrong there."""

    dataset: str
    place: str
    path: Path
    state: State
    fault: str = ""


@dataclass(frozen=True)
class Examined:
    """A data set's content, unverified, and the SHA-256 that each part should have.

    A folder that is a data set of its own has no hashes to be held to.
    """

    name: str
    content: Content
    expected: Mapping[str, str]


def survey() -> list[SearchedPlace]:
    """Look at every place where MNIST and digits may be, in the order of the search."""
    findings = [_look("mnist", place.label, place.path, place.found) for place in mnist.places()]
    cache = digits.cached()
    made = _look("digits", "benchbench's cache", cache, lambda: cache if is_there(cache) else None)
    return [*findings, made]


def what_auto_takes() -> str:
    """Say which data set `--dataset auto` would take."""
    try:
        if not isinstance(mnist.find(), mnist.Found):
            return "mnist, downloaded, if a mirror can be reached; else digits"
        return catalog.choose("auto", {}).note
    except BenchbenchError as error:
        return f"nothing; it would stop with: {error}"


def examine(name: str) -> Examined:
    """Read auto, mnist, digits or a folder. Raises DataError, Unavailable and UsageError."""
    if name == "auto":
        name = catalog.choose(name, {}).name
    if name == "mnist":
        found = mnist.find()
        if isinstance(found, mnist.Found):
            return Examined(name, found.content, mnist.HASHES)
        place = mnist.search()
        location = place.found() if place else None
        if location is None:
            raise Unavailable(
                f"MNIST is in none of the places searched; `benchbench data fetch` downloads it. "
                f"{mnist.ADVICE}"
            )
        return Examined(name, container.read(location), mnist.HASHES)
    if name == "digits":
        cache = digits.cached()
        content = container.read(cache) if is_there(cache) else digits.make()
        return Examined(name, content, digits.HASHES)
    chosen = catalog.choose(name, {})
    if chosen.location is None or table.parse(name) or chosen.autoencoder:
        raise UsageError(
            f"'{name}' has no parts with hashes of their own: expected mnist, digits, a plugin's "
            f"data set, or a folder or npz of images"
        )
    content = folder.read(folder.locate(Path(name)))
    return Examined(chosen.name, content, mnist.HASHES if chosen.name == "mnist" else {})


def _look(dataset: str, label: str, path: Path, find: Callable[[], Path | None]) -> SearchedPlace:
    try:
        found = find()
    except DataError as error:
        return SearchedPlace(dataset, label, path, "passed over", str(error))
    if found is None:
        return SearchedPlace(dataset, label, path, "nothing there")
    try:
        (mnist if dataset == "mnist" else digits).read(found)
    except DataError as error:
        return SearchedPlace(dataset, label, found, "damaged", str(error))
    return SearchedPlace(dataset, label, found, "verified")
