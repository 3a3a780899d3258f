"""Arrays as people save them, brought to what IDX holds: bytes, labels from 0.

What can be brought there without a loss is, and a remark says so; of all else the error has the
line of Python that cures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchbench.data.idx import Bytes
from benchbench.errors import DataError

_MOST_CLASSES = 256
# What is remarked on classes that were saved in another form.
ONE_HOT, SORTED_NAMES = "labels were one-hot", "the names of classes were sorted"
# Of 255 steps: what a division by 255 in float32, or in float16, is off by.
_ROUNDING = {"e": 0.13, "f": 0.01}
_CHANNELS = frozenset({1, 3, 4})


def as_images(array: Any, where: str) -> Bytes:
    """Return images as bytes, (n, height, width) or (n, height, width, channels).

    Takes whole numbers from 0 to 255 of any type, and bytes that were divided by 255. Raises
    DataError with the line that cures it.
    """
    if array.ndim == 2:
        raise DataError(
            f"{where}: expected images of (n, height, width), but it has rows of {array.shape[1]} "
            f"numbers; save images with `x = x.reshape(-1, HEIGHT, WIDTH)`, values with "
            f"`x = x.astype(np.float32)`, tokens with `x = x.astype(np.int32)`"
        )
    if array.ndim not in {3, 4} or array.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: expected whole numbers in 3 or 4 dimensions, (n, height, width) or (n, "
            f"height, width, channels), but it holds {array.dtype} of shape {array.shape}"
        )
    if array.ndim == 4 and array.shape[1] in _CHANNELS and array.shape[3] not in _CHANNELS:
        raise DataError(
            f"{where}: expected the channels last, (n, height, width, channels), but its shape is "
            f"{array.shape}; save it with `x = np.moveaxis(x, 1, -1)`"
        )
    return _as_bytes(array, where)


def holds_bytes(array: Any) -> bool:
    """Say whether floats are bytes, or bytes divided by 255."""
    if not array.size or not 0 <= array.min() <= array.max() <= 255:
        return not array.size
    scaled = array * array.dtype.type(255) if array.max() <= 1 else array
    return bool(np.abs(np.round(scaled) - scaled).max() <= _ROUNDING.get(array.dtype.char, 0.01))


def _as_bytes(array: Any, where: str) -> Bytes:
    kind = array.dtype.kind
    if kind == "b":
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.size and not 0 <= array.min() <= array.max() <= 255:
        raise DataError(
            f"{where}: expected numbers from 0 to 255, but they run from {array.min()} to "
            f"{array.max()}; save images with `x = np.round(255 * (x - x.min()) / (x.max() - "
            f"x.min())).astype(np.uint8)`, other values with `x = x.astype(np.float32)`"
        )
    if kind != "f":
        return np.ascontiguousarray(array, np.uint8)
    if not holds_bytes(array):
        raise DataError(
            f"{where}: expected bytes, or bytes divided by 255, but it holds {array.dtype} between "
            f"their steps; save them with `x = np.round(255 * x).astype(np.uint8)`"
        )
    whole = np.round(array * array.dtype.type(255) if array.size and array.max() <= 1 else array)
    return np.ascontiguousarray(whole, np.uint8)


def as_labels(train: Any, test: Any, where: str) -> tuple[Bytes, Bytes, tuple[str, ...]]:
    """Return the labels of both parts as bytes from 0, (n,), and remarks on what was done.

    Takes what `class_numbers` takes. Raises DataError with the line that cures it.
    """
    *both, remarks = class_numbers(train, test, where)
    for one in both:
        if one.size and not 0 <= one.min() <= one.max() < _MOST_CLASSES:
            raise DataError(
                f"{where}: expected labels from 0 to 255 at most, but they run from {one.min()} to "
                f"{one.max()}; number the classes with `y = np.unique(y, return_inverse=True)[1]`"
            )
    ours, theirs = (np.ascontiguousarray(one, np.uint8) for one in both)
    return ours, theirs, remarks


def class_numbers(train: Any, test: Any, where: str) -> tuple[Any, Any, tuple[str, ...]]:
    """Return the classes of both parts as whole numbers, (n,), and remarks on what was done.

    Takes numbers of any type, (n,) or (n, 1); one-hot rows; names of classes; numbers from 1.
    Raises DataError with the line that cures it.
    """
    remarks: list[str] = []
    both = [_one_dimension(one, where, remarks) for one in (train, test)]
    if both[0].dtype.kind in "US":
        both, remarks = numbered(both, where), [*remarks, SORTED_NAMES]
    for one in both:
        numbers = one.dtype.kind in "biuf" and np.isfinite(one).all()
        if not numbers or not np.array_equal(one, np.round(one)):
            raise DataError(
                f"{where}: expected the number of a class for each image, (n,), but it holds "
                f"{one.dtype} of shape {one.shape}; number those for training and testing alike: "
                f"`y = np.unique(y, return_inverse=True)[1]`"
            )
    least = min((int(one.min()) for one in both if one.size), default=0)
    if least == 1:
        both, remarks = [one - 1 for one in both], [*remarks, "labels were counted from 1"]
    return both[0], both[1], tuple(dict.fromkeys(remarks))


def _one_dimension(labels: Any, where: str, remarks: list[str]) -> Any:
    """Return labels as (n,): a column as it is, one-hot rows by the place of the 1."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        return labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "biuf":
        if is_one_hot(labels):
            remarks.append(ONE_HOT)
            return labels.argmax(axis=1)
        raise DataError(
            f"{where}: expected one class an image, but rows of its shape {labels.shape} have none "
            f"or several; a network of benchbench has one label a sample"
        )
    if labels.ndim != 1:
        raise DataError(
            f"{where}: expected labels of shape (n,), but it holds {labels.dtype} of shape "
            f"{labels.shape}; save them with `y = y.reshape(-1)`"
        )
    return labels


def is_one_hot(array: Any) -> bool:
    """Say whether each row, along the last axis, has a single 1, and else zeros."""
    if array.ndim < 2 or array.shape[-1] < 2 or not array.size or array.dtype.kind not in "biuf":
        return False
    # The first sample settles it for nearly all that are not.
    return all(
        bool(((part == 0) | (part == 1)).all() and (part.sum(axis=-1) == 1).all())
        for part in (array[:1], array)
    )


def numbered(both: Sequence[Any], where: str) -> list[Any]:
    """Return the numbers of names of classes, in alphabetical order of the training labels.

    Raises DataError for a name that only the test labels have.
    """
    names = np.unique(both[0])
    if strangers := sorted(set(np.unique(both[1]).tolist()) - set(names.tolist())):
        raise DataError(
            f"{where}: expected classes that the training labels have, but the test labels have "
            f"{', '.join(map(str, strangers[:5]))} too"
        )
    return [np.searchsorted(names, one) for one in both]
