"""Where the data sets are, and whether they are what they should be."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from benchbench.data import catalog, container, digits, folder, mnist, names, published, table
from benchbench.data.container import Content
from benchbench.errors import BenchbenchError, DataError, Unavailable, UsageError
from benchbench.files import is_there, read_file

State: TypeAlias = Literal["verified", "damaged", "passed over", "nothing there"]

_OF_CONTENT = "SHA-256 of the decoded IDX content"


@dataclass(frozen=True)
class SearchedPlace:
    """What is at one of the places that are searched; `fault` says what is wrong there."""

    dataset: str
    place: str
    path: Path
    state: State
    fault: str = ""


@dataclass(frozen=True)
class FoundHash:
    """The hash of a part, or of a file, and the one that it should have, where that is known."""

    part: str
    place: str
    actual: str
    expected: str | None


@dataclass(frozen=True)
class Examined:
    """The hashes of a data set, and of what they are; `fault` is what keeps it from being whole."""

    name: str
    of: str
    hashes: tuple[FoundHash, ...]
    fault: str = ""


def survey() -> list[SearchedPlace]:
    """Look at every place where data sets may be, in the order of the search."""
    findings = [
        _look("mnist", place.label, place.path, place.found, mnist.read) for place in mnist.places()
    ]
    cache = digits.cached()
    found = cache if is_there(cache) else None
    findings.append(_look("digits", "benchbench's cache", cache, lambda: found, digits.read))
    return [*findings, *(one for name in names.PUBLISHED for one in _published(name))]


def what_auto_takes() -> str:
    """Say which data set `--dataset auto` would take."""
    try:
        if not isinstance(mnist.find(), mnist.Found):
            return "mnist, downloaded, if a mirror can be reached; else digits"
        return catalog.choose("auto", {}).note
    except BenchbenchError as error:
        return f"nothing; it would stop with: {error}"


def examine(name: str) -> Examined:
    """Hash a data set by its name, or a folder's. Raises DataError, Unavailable and UsageError."""
    if name == "auto":
        name = catalog.choose(name, {}).name
    if name == "mnist":
        return _by_part(name, _mnist(), mnist.HASHES)
    if name == "digits":
        cache = digits.cached()
        content = container.read(cache) if is_there(cache) else digits.make()
        return _by_part(name, content, digits.HASHES)
    if name in names.PUBLISHED:
        return _by_file(name)
    if name in {*names.TABLES, names.UNICODE_NAMES}:
        # To choose it is to verify it.
        whole = catalog.choose(name, {}).sha256 or ""
        place = "Python" if name == names.UNICODE_NAMES else "scikit-learn"
        return Examined(name, "SHA-256", (FoundHash("the whole", place, whole, whole),))
    chosen = catalog.choose(name, {})
    if chosen.location is None or chosen.autoencoder:
        known = ", ".join(one for one in names.RESERVED if one != "synthetic")
        raise UsageError(
            f"'{name}' has no parts with hashes of their own: expected one of {known}, a plugin's "
            f"data set, or a folder or file"
        )
    content_or_arrays = None if _is_whole(name) else folder.read_any(folder.locate(Path(name)))
    if not isinstance(content_or_arrays, Content):
        hashes = (FoundHash("the whole", chosen.location, chosen.sha256 or "", None),)
        return Examined(chosen.name, "SHA-256", hashes)
    expected = mnist.HASHES if chosen.name == "mnist" else {}
    return _by_part(chosen.name, content_or_arrays, expected)


def _is_whole(name: str) -> bool:
    """Say whether a name is that of a table or a text, which have one hash."""
    return name.startswith(names.TEXT) or table.parse(name) is not None


def _mnist() -> Content:
    found = mnist.find()
    if isinstance(found, mnist.Found):
        return found.content
    place = mnist.search()
    location = place.found() if place else None
    if location is None:
        raise Unavailable(
            f"MNIST is in none of the places searched; `benchbench data fetch` downloads it. "
            f"{mnist.ADVICE}"
        )
    return container.read(location)


def _by_part(name: str, content: Content, expected: Mapping[str, str]) -> Examined:
    hashes = tuple(
        FoundHash(part, content.places[part], actual, expected.get(part))
        for part, actual in content.sha256.items()
    )
    fault = ""
    if expected:
        try:
            container.verify(content, expected, name)
        except DataError as error:
            fault = str(error)
    return Examined(name, _OF_CONTENT, hashes, fault)


def _by_file(name: str) -> Examined:
    """Hash the files of a published data set where the search finds them first."""
    one, place = published.known(name), published.search(name)
    if place is None:
        raise Unavailable(
            f"{one.title} is in none of the places searched; `benchbench data fetch {name}` "
            f"downloads it"
        )
    hashes, faults = [], []
    for file in one.files:
        path = place.path / file.name
        try:
            content = read_file(path, limit=published.LARGEST_FILE_BYTES)
        except OSError as error:
            faults.append(f"cannot read {path}: {error.strerror or error}")
            continue
        hashes.append(FoundHash(file.name, str(path), file.hash_of(content), file.hash))
        if fault := file.fault(content):
            faults.append(f"{path} is not {one.title}'s: {fault}")
    return Examined(name, "SHA-256, or MD5, of the file", tuple(hashes), "; ".join(faults))


def _published(name: str) -> Iterator[SearchedPlace]:
    """Yield the places that hold anything of a data set; of one that is nowhere, the cache."""
    places = [place for place in published.places(name) if published.found_at(name, place)]

    def read(location: Path) -> Content:
        return published.read(name, location)

    for place in places:
        yield _look(name, place.label, place.path, functools.partial(Path, place.path), read)
    if not places:
        path = published.cache(name)
        yield SearchedPlace(name, "benchbench's cache", path, "nothing there")


def _look(
    dataset: str,
    label: str,
    path: Path,
    find: Callable[[], Path | None],
    read: Callable[[Path], Content],
) -> SearchedPlace:
    try:
        found = find()
    except DataError as error:
        return SearchedPlace(dataset, label, path, "passed over", str(error))
    if found is None:
        return SearchedPlace(dataset, label, path, "nothing there")
    try:
        read(found)
    except DataError as error:
        return SearchedPlace(dataset, label, found, "damaged", str(error))
    return SearchedPlace(dataset, label, found, "verified")
