"""What a network learns, of arrays of any rank: values, or classes, also one at each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchbench.data.arrays import ONE_HOT, SORTED_NAMES, class_numbers, is_one_hot, numbered
from benchbench.data.tensor_inputs import MOST_TOKENS, Array, as_values
from benchbench.errors import DataError

# More classes than this are taken for counts of something, where they are saved as floats.
_MOST_CLASSES = 100


def are_labels(array: Array) -> bool:
    """Say whether the targets are one class a sample, in a form that `as_labels` takes or cures."""
    kind = array.dtype.kind
    if kind not in "biuf" or array.ndim == 0 or not array.size:
        return True
    if array.ndim == 2 and is_one_hot(array):
        return True
    column = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    return column and (kind != "f" or bool((array == np.round(array)).all()))


def as_targets(
    both: tuple[Array, Array], places: Sequence[str], source: str, *, of_tokens: bool
) -> tuple[tuple[Array, Array], int | None, tuple[str, ...]]:
    """Return the targets, the number of classes where they are classes, and remarks.

    `both` are those for training and for testing; `of_tokens` says that tokens go in: whole numbers
    are then tokens to predict. Raises DataError with the line that cures it.
    """
    _check(both, places)
    hot = all(map(is_one_hot, both))
    if both[0].dtype.kind in "biuf" and not hot:
        if any(one.dtype.kind == "f" for one in both):
            train, test = (as_values(one, place) for one, place in zip(both, places, strict=True))
            if train.ndim == 1:
                train, test = train[:, np.newaxis], test[:, np.newaxis]
            return (train, test), _numbered(train, test), ()
        if of_tokens or not all(map(are_labels, both)):
            targets, classes = _classes(both, places)
            return targets, classes, ()
    remarks: tuple[str, ...]
    if both[0].ndim <= 2 and (hot or both[0].shape[1:] in {(), (1,)}):
        *numbers, remarks = class_numbers(*both, source)
    elif hot:
        numbers, remarks = [one.argmax(axis=-1) for one in both], (ONE_HOT,)
    else:
        numbers, remarks = numbered(both, source), (SORTED_NAMES,)
    (train, test), classes = _classes((numbers[0], numbers[1]), places)
    _check_gaps(train, classes, places[0])
    return (train, test), classes, remarks


def _check(both: tuple[Array, Array], places: Sequence[str]) -> None:
    """Raise DataError unless both are arrays of numbers, or of names, of one shape a sample."""
    train, test = both
    alike = any({one.dtype.kind for one in both} <= set(kinds) for kinds in ("biuf", "US"))
    if not alike or 0 in {train.ndim, test.ndim} or train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"{places[1]}: expected targets (n, ...) of one type and shape, numbers or names, "
            f"those for training as those for testing, but it holds {test.dtype} of shape "
            f"{test.shape}, and for training {train.dtype} of shape {train.shape}"
        )
    for array, place in zip(both, places, strict=True):
        if 0 in array.shape:
            raise DataError(
                f"{place}: expected a target for each sample, but its shape is {array.shape}"
            )


def _check_gaps(train: Array, classes: int, place: str) -> None:
    """Raise DataError where no training sample is of some class."""
    seen = set(np.unique(train).tolist())
    # Among one more number than there are classes seen, one at least is missing.
    if gaps := [one for one in range(min(classes, len(seen) + 8)) if one not in seen]:
        raise DataError(
            f"{place}: expected classes 0, 1, ... without gaps, but no training sample is of "
            f"{', '.join(map(str, gaps[:8]))}; number the classes from 0, or, if the targets are "
            f"values, save them as floats: `y = y.astype(np.float32)`"
        )


def _classes(both: tuple[Array, Array], places: Sequence[str]) -> tuple[tuple[Array, Array], int]:
    """Return whole numbers as classes: tokens to predict, or one class at each place."""
    least, greatest = min(one.min() for one in both), max(one.max() for one in both)
    if least < 0 or greatest >= MOST_TOKENS:
        raise DataError(
            f"{places[0]}: expected the numbers of classes, from 0 to {MOST_TOKENS - 1:,}, but "
            f"they run from {least} to {greatest}; values are saved as floats: "
            f"`y = y.astype(np.float32)`"
        )
    train, test = (one.astype(np.int64) for one in both)
    if train.ndim == 2 and train.shape[1] == 1:
        train, test = train[:, 0], test[:, 0]
    return (train, test), int(greatest) + 1


def _numbered(train: Array, test: Array) -> int | None:
    """Return how many classes one column of values numbers, from 0 without a gap, or None."""
    if train.ndim != 2 or train.shape[1] != 1:
        return None
    found = np.unique(train)
    counts = 2 <= len(found) <= _MOST_CLASSES and bool((found == np.arange(len(found))).all())
    return len(found) if counts and set(np.unique(test).tolist()) <= set(found.tolist()) else None
