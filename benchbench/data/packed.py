"""How published data sets are packed: gzipped IDX files, a zip of them, a tar of CIFAR-10's."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from benchbench.data import idx
from benchbench.data.container import PARTS
from benchbench.errors import DataError

if TYPE_CHECKING:
    from benchbench.data.idx import Bytes

    # For each part its array, and the name of the file that it comes from.
    Parts: TypeAlias = dict[str, tuple[str, Bytes]]

_PART = re.compile(r"(?P<half>train|t10k|test)-(?P<kind>images|labels)-")
# Of CIFAR-10's records: a byte for the class, then the planes of red, green and blue, row by row.
# Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
_SIDE = 32
_RECORD_BYTES = 1 + 3 * _SIDE * _SIDE
_CIFAR_FILE = re.compile(r"(?:\./)?cifar-10-batches-bin/(?P<half>data_batch_\d|test_batch)\.bin")


def idx_files(contents: Mapping[str, bytes], source: str) -> Parts:
    """Return the parts of IDX files whose names say which they are. Raises DataError."""
    parts: Parts = {}
    for name, content in contents.items():
        if match := _PART.search(name):
            half = "train" if match["half"] == "train" else "t10k"
            dimensions = (1,) if match["kind"] == "labels" else (3, 4)
            array = idx.decode(content, source=f"{source}/{name}", dimensions=dimensions)
            parts[f"{half}-{match['kind']}"] = name, array
    return _whole(parts, source)


def zipped_idx(prefix: str) -> Callable[[Mapping[str, bytes], str], Parts]:
    """Return what takes the IDX files of such names out of a zip archive."""

    def unpack(contents: Mapping[str, bytes], source: str) -> Parts:
        (archive,) = contents.values()
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                names = [name for name in opened.namelist() if name.startswith(prefix)]
                members = {name: opened.read(name) for name in names}
        # A damaged archive makes zipfile raise a dozen kinds of exception.
        except Exception as error:
            raise DataError(f"{source}: cannot read the zip archive: {error}") from None
        return idx_files(members, source)

    return unpack


def cifar_10(contents: Mapping[str, bytes], source: str) -> Parts:
    """Return the parts of CIFAR-10's binary form, images (n, 32, 32, 3). Raises DataError."""
    import numpy as np

    (archive,) = contents.values()
    halves: dict[str, list[Bytes]] = {"train": [], "t10k": []}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for name, content in sorted(_cifar_files(opened)):
                if not content or len(content) % _RECORD_BYTES:
                    raise DataError(
                        f"{source}/{name}: expected records of {_RECORD_BYTES:,} bytes, but it has "
                        f"{len(content):,} bytes"
                    )
                half = "t10k" if "test_batch" in name else "train"
                halves[half].append(np.frombuffer(content, np.uint8).reshape(-1, _RECORD_BYTES))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{source}: cannot read the tar archive: {error}") from None
    parts: Parts = {}
    (place,) = contents
    for half, batches in halves.items():
        if batches:
            records = np.concatenate(batches)
            planes = records[:, 1:].reshape(-1, 3, _SIDE, _SIDE)
            parts[f"{half}-images"] = place, np.ascontiguousarray(np.moveaxis(planes, 1, -1))
            parts[f"{half}-labels"] = place, np.ascontiguousarray(records[:, 0])
    return _whole(parts, source)


def _cifar_files(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        if _CIFAR_FILE.fullmatch(member.name) and (file := archive.extractfile(member)):
            yield member.name, file.read()


def _whole(parts: Parts, source: str) -> Parts:
    """Return the parts in their order. Raises DataError for one that is missing."""
    if missing := [part for part in PARTS if part not in parts]:
        raise DataError(f"{source}: expected four parts, but {', '.join(missing)} is missing")
    return {part: parts[part] for part in PARTS}
