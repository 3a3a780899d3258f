"""The four arrays of a data set out of their container: a folder of IDX files, or an npz.

Whatever the container, what comes out is the content as IDX would hold it, so that one set of
hashes identifies it.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchbench.data import idx
from benchbench.errors import DataError
from benchbench.files import open_file

# The four parts, and the keys they have in an npz (Keras's).
PARTS = {
    "train-images": "x_train",
    "train-labels": "y_train",
    "t10k-images": "x_test",
    "t10k-labels": "y_test",
}
# Where the files may lie in a folder that somebody names; torchvision and Keras have their ways.
_WITHIN = ("", "mnist", "MNIST/raw", "mnist.npz")


@dataclass(frozen=True, eq=False)
class Content:
    """The arrays by part, uint8: images (n, height, width[, channels]), labels (n,).

    `places` says for each part, to people, which file it was read from.
    """

    arrays: Mapping[str, idx.Bytes]
    places: Mapping[str, str]

    @cached_property
    def sha256(self) -> dict[str, str]:
        """The SHA-256 of every part as IDX bytes, in hexadecimal."""
        return {part: idx.sha256(array) for part, array in self.arrays.items()}


def file_name(part: str, dimensions: int) -> str:
    """Return the name that MNIST's distribution gives a part: `train-images-idx3-ubyte`."""
    return f"{part}-idx{dimensions}-ubyte"


def locate(root: Path) -> Path | None:
    """Return the folder or npz at or just below `root` that holds any part, or None.

    What is there and neither, a FIFO, is returned too: `read` says what it is.
    """
    try:
        if root.exists() and not root.is_dir():
            return root
        for step in _WITHIN:
            place = root / step
            if place.is_file() or (place.is_dir() and _files(place)):
                return place
    except OSError:  # a path that is too long is nowhere
        pass
    return None


def read(location: Path) -> Content:
    """Read all four parts of a folder or npz, as `locate` found it.

    Raises DataError for what is missing, damaged, or does not fit together.
    """
    try:
        content = _read_folder(location) if location.is_dir() else _read_npz(location)
    except MemoryError:
        raise DataError(
            f"{location}: there is no memory for what it says it holds; use a smaller data set, or "
            f"a machine with more"
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {location}: {error.strerror or error}") from None
    for images, labels in (("train-images", "train-labels"), ("t10k-images", "t10k-labels")):
        image_count, label_count = len(content.arrays[images]), len(content.arrays[labels])
        if image_count != label_count:
            raise DataError(
                f"{location}: expected as many labels as images, but "
                f"{content.places[images]} has {image_count:,} images and "
                f"{content.places[labels]} {label_count:,} labels: were two files swapped?"
            )
    return content


def verify(content: Content, expected: Mapping[str, str], name: str) -> None:
    """Compare content with the SHA-256 of each part. Raises DataError with path and both hashes."""
    for part, actual in content.sha256.items():
        if actual != expected[part]:
            raise DataError(
                f"{content.places[part]} is not the {part} of {name}: expected SHA-256 "
                f"{expected[part]} of the decoded IDX content, but it is {actual}; delete the file "
                f"or put the true one in its place"
            )


def dataset_sha256(parts: Mapping[str, str], validation_count: int) -> str:
    """Return the identity of a split data set: the SHA-256 of five lines of text.

    Four lines "PART HASH", in the order of `PARTS`, each with the hash of that part's IDX bytes,
    then "validation COUNT": the number of images at the end of the training part that are kept for
    validation. Every line ends with a newline.
    """
    lines = [f"{part} {parts[part]}\n" for part in PARTS]
    lines.append(f"validation {validation_count}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path) -> dict[str, Path]:
    """Return the file of each part that the folder has; an unpacked one before a gzipped one."""
    pattern = re.compile(rf"({'|'.join(PARTS)})[-.]idx[1-9]-ubyte(\.gz)?")
    found: dict[str, Path] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}") from None
    # What is named like a part and is no file, a FIFO, is taken last: to read it is to say so.
    for path in sorted(paths, key=lambda path: not path.is_file()):
        match = pattern.fullmatch(path.name)
        if match:
            found.setdefault(match[1], path)
    return found


def _read_folder(folder: Path) -> Content:
    files = _files(folder)
    missing = [part for part in PARTS if part not in files]
    if missing:
        wanted = ", ".join(file_name(part, 1 if "labels" in part else 3) for part in missing)
        raise DataError(
            f"{folder}: expected four IDX files, but {len(missing)} are missing: {wanted} "
            f"(gzipped with .gz or not)"
        )
    arrays = {}
    for part in PARTS:
        path = files[part]
        dimensions = (1,) if "labels" in part else (3, 4)
        try:
            arrays[part] = idx.load(path, dimensions=dimensions)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    return Content(arrays, {part: str(path) for part, path in files.items()})


def _read_npz(path: Path) -> Content:
    import numpy as np

    with open_file(path) as file:
        if not zipfile.is_zipfile(file):
            raise DataError(
                f"{path}: expected a folder of IDX files or an npz (a zip archive of arrays), but "
                f"it is neither; pickles are never read"
            )
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                found = {key: archive[key] for key in PARTS.values() if key in archive}
        except MemoryError:
            raise
        # A damaged archive makes NumPy and zipfile raise a dozen kinds of exception; an array of
        # objects, which would be a pickle, a ValueError.
        except Exception as error:
            raise DataError(f"{path}: cannot read its arrays: {error}; get it again") from None
    missing = [key for key in PARTS.values() if key not in found]
    if missing:
        raise DataError(
            f"{path}: expected the arrays {', '.join(PARTS.values())}, but {', '.join(missing)} "
            f"is missing"
        )
    arrays = {part: _as_bytes(found[key], key, path) for part, key in PARTS.items()}
    return Content(arrays, {part: f"{path} ({key})" for part, key in PARTS.items()})


def _as_bytes(array: Any, key: str, path: Path) -> idx.Bytes:
    import numpy as np

    dimensions = (1,) if key.startswith("y") else (3, 4)
    if array.dtype.kind not in "iu" or array.ndim not in dimensions:
        raise DataError(
            f"{path}: expected whole numbers in {' or '.join(map(str, dimensions))} dimensions "
            f"under {key}, but it holds {array.dtype} of shape {array.shape}"
        )
    if array.size and not 0 <= array.min() <= array.max() <= 255:
        raise DataError(
            f"{path}: expected numbers from 0 to 255 under {key}, but they run from {array.min()} "
            f"to {array.max()}"
        )
    return np.ascontiguousarray(array, np.uint8)
