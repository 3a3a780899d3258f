"""A session's data set on a node: found by its hash, wherever it lies there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchbench.data.cache import cache_folder, store
from benchbench.data.catalog import name_to_choose
from benchbench.errors import BenchbenchError, DataError, UsageError
from benchbench.experiments.session import find_dataset
from benchbench.files import is_there, read_file
from benchbench.plugins.registry import Registry
from benchbench.records import DatasetChoice
from benchbench.spec.model import ModelSpec

_TRAVELLED = "travelled"
# More than this does not travel: put it where the nodes see it.
LARGEST_BYTES = 1 << 30


def find_here(
    planned: DatasetChoice,
    registry: Registry,
    models: Sequence[ModelSpec],
    *,
    copies: Sequence[Path] = (),
    note: Callable[[str], None] = lambda _: None,
) -> DatasetChoice:
    """Return the choice with its place on this machine. Raises DataError where there is none.

    Looked at in turn: the place of the plan, `copies`, what travelled here before, and what this
    machine finds by the name. The first whose SHA-256 is the plan's is taken.
    """
    troubles = []
    for place in _places(planned, copies):
        there = msgspec.structs.replace(planned, location=place)
        try:
            name = name_to_choose(there, registry.datasets)
            found = find_dataset(name, registry, models, note=note, quick=planned.quick)
        except BenchbenchError as error:
            troubles.append(f"{place or 'by its name'}: {error}")
            continue
        if found.sha256 == planned.sha256:
            return msgspec.structs.replace(planned, location=found.location)
        troubles.append(f"{place or 'by its name'}: its SHA-256 is {found.sha256}")
    raise DataError(
        f"the data set '{planned.name}' with the SHA-256 {planned.sha256} is not here "
        f"({'; '.join(troubles)}); put it where nodes see it, and name that with --dataset"
    )


def _places(planned: DatasetChoice, copies: Sequence[Path]) -> Iterator[str | None]:
    """Yield where it may lie: places that are there, and None for what the name finds."""
    if planned.location is not None:
        name = Path(planned.location).name
        known = [Path(planned.location), *(copy / name for copy in copies), _travelled(planned)]
        yield from (str(place) for place in known if is_there(place))
    yield None


def is_here(choice: DatasetChoice) -> bool:
    """Say whether a data set is at its place, or has travelled here, or needs no place."""
    if choice.location is None:
        return True
    return is_there(Path(choice.location)) or is_there(_travelled(choice))


def packed(choice: DatasetChoice) -> dict[str, bytes]:
    """Return the files of a data set by their names, to travel; none where its name is enough.

    Raises UsageError for what is too large.
    """
    if choice.location is None or not is_there(Path(choice.location)):
        return {}
    place = Path(choice.location)
    try:
        files = [place]
        if place.is_dir():
            files = [one for one in sorted(place.iterdir()) if one.is_file()]
        size = sum(one.stat().st_size for one in files)
    except OSError as error:
        raise DataError(f"cannot read {error.filename or place}: {error.strerror}") from None
    if size > LARGEST_BYTES:
        raise UsageError(
            f"the data set in {place} is larger than {LARGEST_BYTES >> 30} GiB: it does not "
            f"travel to the nodes; put it where they see it, and name that with --dataset"
        )
    try:
        return {one.name: read_file(one) for one in files}
    except OSError as error:
        raise DataError(f"cannot read {error.filename or place}: {error.strerror}") from None


def copy_into(folder: Path, choice: DatasetChoice) -> None:
    """Copy a data set into a folder that nodes see. Raises UsageError, DataError and OSError."""
    _write(folder, choice, packed(choice))


def unpack_here(choice: DatasetChoice, files: Mapping[str, bytes]) -> None:
    """Keep what has travelled here in this machine's cache. Raises OSError."""
    if not is_there(_travelled(choice)):
        _write(_travelled(choice).parent, choice, files)


def _write(folder: Path, choice: DatasetChoice, files: Mapping[str, bytes]) -> None:
    """Write a data set below `folder` under the name that it has at its place."""
    if choice.location is None or not files:
        return
    place = Path(choice.location)
    one_file = list(files) == [place.name]
    store(folder if one_file else folder / place.name, files)


def _travelled(choice: DatasetChoice) -> Path:
    assert choice.location is not None, "it has a place"  # noqa: S101 - for the types
    digest = choice.sha256 or hashlib.sha256(choice.name.encode()).hexdigest()
    return cache_folder(_TRAVELLED) / digest[:32] / Path(choice.location).name
