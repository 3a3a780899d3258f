"""The four arrays of a data set out of their container: a folder of IDX files, or an npz.

Whatever the container, what comes out is the content as IDX would hold it, so that one set of
hashes identifies it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.data import idx, names
from benchbench.errors import DataError
from benchbench.files import is_there

if TYPE_CHECKING:
    from benchbench.data.npz import Saved

# The four parts, and the keys they have in an npz.
PARTS = names.PARTS
# MNIST's file names; EMNIST's and QMNIST's, which say `test` and begin with the data set.
_FILE_NAME = re.compile(
    r"(?:(?P<set>[A-Za-z0-9_-]+)-)?(?P<half>train|t10k|test)-(?P<kind>images|labels)"
    r"[-.]idx[1-9]-(?:ubyte|int)(?:\.gz)?"
)
# Where the files may lie in a folder that somebody names; torchvision and Keras have their ways.
_WITHIN = ("", "raw", "mnist", "MNIST/raw", "mnist.npz")


@dataclass(frozen=True, eq=False)
class Content:
    """The arrays by part, uint8: images (n, height, width[, channels]), labels (n,).

    `places` says for each part, to people, which file it was read from. `validation_count` is of a
    source with a split for validation: those images end the training part. `remarks` say what was
    done to bring it here.
    """

    arrays: Mapping[str, idx.Bytes]
    places: Mapping[str, str]
    validation_count: int | None = None
    remarks: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> dict[str, str]:
        """The SHA-256 of every part as IDX bytes, in hexadecimal."""
        return {part: idx.sha256(array) for part, array in self.arrays.items()}


def file_name(part: str, dimensions: int) -> str:
    """Return the name that MNIST's distribution gives a part: `train-images-idx3-ubyte`."""
    return f"{part}-idx{dimensions}-ubyte"


def locate(root: Path) -> Path | None:
    """Return the folder or npz at or just below `root` that holds any part, or None.

    `root` may also be FOLDER/NAME, of a folder that holds several data sets (EMNIST's).

    What is there and neither, a FIFO, is returned too: `read` says what it is.
    """
    try:
        if root.exists() and not root.is_dir():
            return root
        for step in _WITHIN:
            place = root / step
            if place.is_file() or (place.is_dir() and _holds_parts(place)):
                return place
        if not root.exists() and root.parent.is_dir() and _files(root):
            return root
    except OSError:  # a path that is too long is nowhere
        pass
    return None


def read(location: Path) -> Content:
    """Read all four parts of a folder or npz, as `locate` found it.

    Raises DataError for what is missing, damaged, or does not fit together.
    """
    if is_file(location):
        from benchbench.data import npz

        return content_from(location, npz.read(location))
    return content_from(location, None)


def is_file(location: Path) -> bool:
    """Say whether the place is no folder but a file, or what looks like one."""
    return is_there(location) and not location.is_dir()


def content_from(location: Path, saved: Saved | None) -> Content:
    """Return the content of a folder, or of an npz whose arrays are these. Raises DataError."""
    try:
        if saved is None:
            content = _read_folder(location)
        else:
            content = content_of(saved.arrays, saved.places, location, saved.validation_count)
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


class _SeveralSetsError(DataError):
    """A folder that holds several data sets."""


def _holds_parts(folder: Path) -> bool:
    try:
        return bool(_files(folder))
    except _SeveralSetsError:
        return True  # `read` says which


def _files(place: Path) -> dict[str, Path]:
    """Return the file of each part that a place has; an unpacked one before a gzipped one.

    The place is a folder, or the name of one of several data sets in it. Raises DataError for a
    folder of several.
    """
    folder, wanted = (place, None) if place.is_dir() else (place.parent, place.name)
    sets: dict[str, dict[str, Path]] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}") from None
    # What is named like a part and is no file, a FIFO, is taken last: to read it is to say so.
    for path in sorted(paths, key=lambda path: not path.is_file()):
        match = _FILE_NAME.fullmatch(path.name)
        if match:
            part = f"{match['half'].replace('test', 't10k')}-{match['kind']}"
            sets.setdefault(match["set"] or "", {}).setdefault(part, path)
    if wanted is not None:
        return sets.get(wanted, {})
    if "" in sets or len(sets) < 2:
        return sets.get("") or next(iter(sets.values()), {})
    raise _SeveralSetsError(
        f"{folder}: expected the files of one data set, but there are {', '.join(sorted(sets))}; "
        f"name one of them: {folder / min(sets)}"
    )


def _read_folder(folder: Path) -> Content:
    files = _files(folder)
    missing = [part for part in PARTS if part not in files]
    if missing:
        wanted = ", ".join(file_name(part, 1 if "labels" in part else 3) for part in missing)
        raise DataError(
            f"{folder}: expected four IDX files, but some are missing: {wanted} "
            f"(gzipped with .gz or not)"
        )
    found = {}
    for part in PARTS:
        path = files[part]
        dimensions = (1,) if "labels" in part else (3, 4)
        try:
            found[part] = idx.load(path, dimensions=dimensions)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    return content_of(found, {part: str(path) for part, path in files.items()}, folder)


def content_of(
    arrays: Mapping[str, Any],
    places: Mapping[str, str],
    source: Path,
    validation_count: int | None = None,
) -> Content:
    """Bring arrays as they were saved to bytes, and labels to numbers from 0. Raises DataError."""
    from benchbench.data.arrays import as_images, as_labels

    images = {
        part: as_images(arrays[part], places[part]) for part in ("train-images", "t10k-images")
    }
    train, test, remarks = as_labels(arrays["train-labels"], arrays["t10k-labels"], str(source))
    if images["train-images"].size and images["train-images"].max() <= 1:
        remarks += ("no pixel is brighter than 1 of 255: should the images be multiplied by 255?",)
    by_part = {**images, "train-labels": train, "t10k-labels": test}
    return Content({part: by_part[part] for part in PARTS}, places, validation_count, remarks)
