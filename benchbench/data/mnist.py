"""MNIST: where it may lie, how it is fetched, and the hashes that say that it is MNIST."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchbench.data import container, idx
from benchbench.data.cache import CACHE_VARIABLE, absolute, cache_folder, store
from benchbench.data.container import Content
from benchbench.data.dataset import Dataset
from benchbench.data.download import download
from benchbench.errors import DataError, Unavailable
from benchbench.files import is_there

DATA_VARIABLE = "BENCHBENCH_DATA"
MIRROR_VARIABLE = "BENCHBENCH_MNIST_MIRROR"
VALIDATION_COUNT = 12_000

# SHA-256 of the decoded IDX content, and the file name in the distribution without `.gz`.
HASHES: Mapping[str, str] = MappingProxyType(
    {
        "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
)
_FILES = {part: container.file_name(part, 1 if "labels" in part else 3) for part in HASHES}

ADVICE = (
    f"Put its four IDX files into a folder and name it with {DATA_VARIABLE}, or use "
    f"`--dataset digits`, which needs no network."
)

# Each holds the four files, gzipped.
MIRRORS: tuple[str, ...] = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
# All four have 12 million bytes, the largest 10.
_DOWNLOAD_SECONDS = 180.0
_LARGEST_FILE_BYTES = 32 << 20

# Where torchvision's `datasets.MNIST(root)` puts MNIST/raw, for the roots that people use.
TORCHVISION_ROOTS = ("data", ".", "~/data", "~/.cache/torchvision", "~/.cache/torch")


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere MNIST may lie. `named`: the user said so, and does not want to be passed over."""

    label: str
    path: Path
    named: bool = False

    def found(self) -> Path | None:
        """Return the folder or npz here that holds any part of MNIST, or None."""
        return container.locate(self.path)


def places() -> tuple[Place, ...]:
    """Return every place that is searched, in order."""
    listed = []
    if named := os.environ.get(DATA_VARIABLE):
        listed.append(Place(DATA_VARIABLE, absolute(named), named=True))
    listed.append(Place("benchbench's cache", cache_folder("mnist")))
    keras = absolute(os.environ.get("KERAS_HOME") or "~/.keras")
    listed.append(Place("Keras's cache", keras / "datasets" / "mnist.npz"))
    for root in TORCHVISION_ROOTS:
        listed.append(Place("torchvision's folder", absolute(root) / "MNIST" / "raw"))
    # Two labels may be of one place; the first counts, which may be that of the user's own.
    once: dict[Path, Place] = {}
    for place in listed:
        once.setdefault(place.path, place)
    return tuple(once.values())


@dataclass(frozen=True)
class Found:
    """A whole and verified MNIST; `damaged` says what was passed over before it."""

    place: Place
    location: Path
    content: Content
    damaged: tuple[str, ...]


def search() -> Place | None:
    """Return the first place that holds any part of MNIST, verified or not, or None."""
    return next((place for place in places() if place.found()), None)


def must_be_there() -> None:
    """Raise DataError where the user has named a place that does not exist."""
    named = os.environ.get(DATA_VARIABLE)
    if named and not is_there(absolute(named)):
        raise DataError(
            f"{DATA_VARIABLE} names {named}, which does not exist: name a folder that holds data "
            f"sets, or unset it"
        )


def find() -> Found | tuple[str, ...]:
    """Return the first whole MNIST of the places searched, else what is damaged there.

    Raises DataError where a place that the user named holds a damaged one, or is not there.
    """
    must_be_there()
    damaged: list[str] = []
    for place in places():
        try:
            location = place.found()
            if location is not None:
                return Found(place, location, read(location), tuple(damaged))
        except DataError as error:
            if place.named:
                raise
            damaged.append(f"{place.label} is damaged and was passed over: {error}")
    return tuple(damaged)


def read(location: Path) -> Content:
    """Read a folder or npz and verify it. Raises DataError with path and both hashes."""
    content = container.read(location)
    container.verify(content, HASHES, "MNIST")
    return content


def load(location: Path) -> Dataset:
    """Read, verify and split the MNIST of a folder or npz. Raises DataError."""
    from benchbench.data import splits

    return splits.split(
        read(location), name="mnist", validation_count=VALIDATION_COUNT, source=str(location)
    )


def fetch(told: Callable[[str], None] = lambda _: None) -> tuple[Path, bool]:
    """Return the cache folder with a verified MNIST in it, and whether it had to be downloaded.

    What the cache holds already is kept if it is whole and replaced if it is not. `told` hears how
    far a download is.

    Raises Unavailable with the reason of every mirror, or if the cache cannot be written.
    """
    folder = cache_folder("mnist")
    try:
        read(folder)
        return folder, False
    except DataError:
        pass
    reasons = []
    mirrors = (*filter(None, [os.environ.get(MIRROR_VARIABLE)]), *MIRRORS)
    for mirror in mirrors:
        try:
            files = _download(mirror.rstrip("/"), told)
            break
        except DataError as error:
            reasons.append(f"\n  {mirror}: {error}")
    else:
        raise Unavailable(
            f"MNIST could not be downloaded from any of {len(mirrors)} mirrors:{''.join(reasons)}\n"
            f"{ADVICE} A mirror of your own, a web folder with the four files gzipped, is named "
            f"with {MIRROR_VARIABLE}."
        )
    try:
        store(folder, files)
    except OSError as error:
        raise Unavailable(
            f"MNIST was downloaded, but {folder} cannot be written ({error.strerror}); name a "
            f"folder that can with {CACHE_VARIABLE}"
        ) from None
    return folder, True


def _download(mirror: str, told: Callable[[str], None]) -> dict[str, bytes]:
    """Return the four files of a mirror, verified. Raises DataError."""
    urls = [f"{mirror}/{name}.gz" for name in _FILES.values()]
    contents = download(
        urls, seconds=_DOWNLOAD_SECONDS, largest_bytes=_LARGEST_FILE_BYTES, told=told
    )
    for part, url, content in zip(_FILES, urls, contents, strict=True):
        actual = idx.sha256(idx.decode(content, source=url))
        if actual != HASHES[part]:
            raise DataError(
                f"{url} is not the {part} of MNIST: expected SHA-256 {HASHES[part]}, but it is "
                f"{actual}"
            )
    return {f"{name}.gz": content for name, content in zip(_FILES.values(), contents, strict=True)}
