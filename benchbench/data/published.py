"""Images that others publish: where they may lie, how they are fetched, verified and read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchbench.data import container
from benchbench.data.cache import CACHE_VARIABLE, absolute, cache_folder, store
from benchbench.data.container import Content
from benchbench.data.download import download
from benchbench.data.mnist import DATA_VARIABLE, TORCHVISION_ROOTS, Place, must_be_there
from benchbench.data.published_sets import MNIST_NAMES, SETS, Published
from benchbench.errors import DataError, Unavailable
from benchbench.files import is_there, read_file

MIRROR_VARIABLE = "BENCHBENCH_MIRROR"
LARGEST_FILE_BYTES = 700 << 20


def known(name: str) -> Published:
    """Return what a data set consists of."""
    return SETS[name]


def cache(name: str) -> Path:
    """Return the cache folder of a data set; it need not exist."""
    return cache_folder(SETS[name].folder)


def places(name: str) -> Iterator[Place]:
    """Yield every place that is searched for a data set, in order."""
    one = SETS[name]
    if named := os.environ.get(DATA_VARIABLE):
        root = absolute(named)
        yield Place(DATA_VARIABLE, root / one.folder, named=True)
        # Next to another set, the names of these files say whose they are.
        if one.files[0].name not in MNIST_NAMES:
            yield Place(DATA_VARIABLE, root, named=True)
    yield Place("benchbench's cache", cache(name))
    if one.torchvision:
        for root_name in TORCHVISION_ROOTS:
            yield Place("torchvision's folder", absolute(root_name) / one.torchvision)


def found_at(name: str, place: Place) -> Path | None:
    """Return the folder of a place that holds any file of the data set, or None."""
    there = any(is_there(place.path / file.name) for file in SETS[name].files)
    return place.path if there else None


def search(name: str) -> Place | None:
    """Return the first place that holds any file of the data set, verified or not, or None."""
    return next((place for place in places(name) if found_at(name, place)), None)


def read(name: str, location: Path) -> Content:
    """Read a folder's files, verify and unpack them. Raises DataError with path and both hashes."""
    one = SETS[name]
    contents = {}
    for file in one.files:
        path = location / file.name
        try:
            contents[file.name] = read_file(path, limit=LARGEST_FILE_BYTES)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from None
        if fault := file.fault(contents[file.name]):
            raise DataError(
                f"{path} is not {one.title}'s: {fault}; delete the file or put the true one in its "
                f"place"
            )
    parts = one.unpack(contents, str(location))
    arrays = {part: array for part, (_, array) in parts.items()}
    places_of = {part: str(location / place) for part, (place, _) in parts.items()}
    return container.content_of(arrays, places_of, location)


@dataclass(frozen=True)
class FoundSet:
    """A whole and verified data set; `how` it came there, and what was passed over before it."""

    location: Path
    content: Content
    how: str
    damaged: tuple[str, ...]


def find(name: str, told: Callable[[str], None] = lambda _: None) -> FoundSet:
    """Return the first whole data set of the places searched, else download it.

    Raises DataError where a place that the user named holds a damaged one or is not there,
    Unavailable where there is none.
    """
    must_be_there()
    damaged: list[str] = []
    for place in places(name):
        location = found_at(name, place)
        if location is None:
            continue
        try:
            content = read(name, location)
            return FoundSet(location, content, f"found in {place.label}", tuple(damaged))
        except DataError as error:
            if place.named:
                raise
            damaged.append(f"{place.label} is damaged and was passed over: {error}")
    location, _ = fetch(name, told)
    return FoundSet(location, read(name, location), "downloaded", tuple(damaged))


def fetch(name: str, told: Callable[[str], None] = lambda _: None) -> tuple[Path, bool]:
    """Return the cache folder with the verified files in it, and whether they were downloaded.

    Raises Unavailable with the reason of every mirror, or if the cache cannot be written.
    """
    one, folder = SETS[name], cache(name)
    try:
        read(name, folder)
        return folder, False
    except DataError:
        pass
    own = os.environ.get(MIRROR_VARIABLE)
    mirrors = (*([f"{own.rstrip('/')}/{one.folder}"] if own else []), *one.mirrors)
    reasons = []
    for mirror in mirrors:
        try:
            files = _download(one, mirror, told)
            break
        except DataError as error:
            reasons.append(f"\n  {mirror}: {error}")
    else:
        names = ", ".join(file.name for file in one.files)
        raise Unavailable(
            f"{one.title} could not be downloaded from any of {len(mirrors)} "
            f"mirrors:{''.join(reasons)}\nPut its files ({names}) into a folder {one.folder} in "
            f"{DATA_VARIABLE}, or name a mirror of your own with {MIRROR_VARIABLE}: a web folder "
            f"in which they lie below {one.folder}."
        )
    try:
        store(folder, files)
    except OSError as error:
        raise Unavailable(
            f"{one.title} was downloaded, but {folder} cannot be written ({error.strerror}); name "
            f"a folder that can with {CACHE_VARIABLE}"
        ) from None
    return folder, True


def _download(one: Published, mirror: str, told: Callable[[str], None]) -> dict[str, bytes]:
    """Return the files of a mirror, verified. Raises DataError."""
    urls = [f"{mirror}/{file.name}" for file in one.files]
    contents = download(urls, seconds=one.seconds, largest_bytes=LARGEST_FILE_BYTES, told=told)
    for file, url, content in zip(one.files, urls, contents, strict=True):
        if fault := file.fault(content):
            raise DataError(f"{url} is not {one.title}'s: {fault}")
    return {file.name: content for file, content in zip(one.files, contents, strict=True)}
