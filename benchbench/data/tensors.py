"""Arrays of any rank as a data set: values or tokens go in, values or classes are learnt.

An npz that holds images and their classes is read by `container`, for its identity is that of IDX
files. All else is taken as it is: nothing is scaled, nothing is shuffled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.data.arrays import as_images, as_labels, holds_bytes, is_one_hot
from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, Split
from benchbench.data.npz import Saved
from benchbench.data.targets import TargetKind
from benchbench.errors import DataError

_FEWEST_SAMPLES = 10
# More classes than this are taken for counts of something, where they are saved as floats.
_MOST_CLASSES = 100
_MOST_TOKENS = 1 << 24
# Inputs beyond this are told: few networks learn from them.
_LARGE = 100.0
_HALVES = ("train", "t10k")

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Tensors:
    """Inputs and targets, each for training (with validation at its end) and for testing.

    `inputs`: float32 (n, ...), or tokens, int32 (n, steps), of which there are `tokens`. `targets`:
    values, float32 (n, ...), or the numbers of `classes`, int64 (n, ...). Values that number
    classes, from 0 without a gap, have `classes` too.
    """

    inputs: tuple[Array, Array]
    targets: tuple[Array, Array]
    tokens: int | None
    classes: int | None
    validation_count: int
    source: str
    remarks: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """The identity: type, shape and content of each array, and what is for validation."""
        digest = hashlib.sha256(b"arrays 1\n")
        for array in (*self.inputs, *self.targets):
            digest.update(f"{array.dtype} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
        digest.update(f"validation {self.validation_count}\n".encode())
        return digest.hexdigest()

    @property
    def targets_by_split(self) -> tuple[Array, Array, Array]:
        """The targets of the training, validation and test samples."""
        before = len(self.targets[0]) - self.validation_count
        return self.targets[0][:before], self.targets[0][before:], self.targets[1]

    @property
    def kind(self) -> TargetKind:
        """What is to be learnt of a sample."""
        shape = self.targets[0].shape[1:]
        if self.targets[0].dtype == np.int64:
            return TargetKind(shape, classes=self.classes)
        return TargetKind(shape, values=True, classes=self.classes, unit=_unit(self.targets))


def of_saved(saved: Saved, source: Path) -> Tensors | None:
    """Return the arrays of an npz, or None for images with their classes.

    Raises DataError, with the cure, for what can be neither.
    """
    inputs = _halves(saved.arrays, "images")
    targets = _halves(saved.arrays, "labels")
    if _are_images(inputs[0]) and _are_labels(targets[0]):
        return None
    names = {half: saved.places[f"{half}-images"] for half in _HALVES}
    both, tokens = _inputs(inputs, [names[half] for half in _HALVES])
    labels = [saved.places[f"{half}-labels"] for half in _HALVES]
    learnt, classes, remarks = _targets(targets, labels, str(source), of_tokens=tokens is not None)
    for values, answers, place in zip(both, learnt, labels, strict=True):
        if len(values) != len(answers) or len(values) < _FEWEST_SAMPLES:
            raise DataError(
                f"{place}: expected a target for each of {_FEWEST_SAMPLES} samples or more, but "
                f"there are {len(values):,} samples and {len(answers):,} targets"
            )
    count = len(both[0])
    return Tensors(
        inputs=both,
        targets=learnt,
        tokens=tokens,
        classes=classes,
        validation_count=saved.validation_count or count - count * 4 // 5,
        source=str(source),
        remarks=(*remarks, *_on_size(both[0])),
    )


def choose(tensors: Tensors, name: str, location: Path) -> Chosen:
    """Return the choice of these arrays."""
    shape = tensors.inputs[0].shape[1:]
    what = f"{tensors.tokens} different tokens" if tensors.tokens else "values"
    return Chosen(
        name=name,
        location=str(location),
        sha256=tensors.sha256,
        note=(
            f"the arrays in {location}: {len(tensors.inputs[0]):,} training samples of shape "
            f"{shape}, {what}; {tensors.kind.describe()} are learnt; all is taken as it is"
        ),
        input_shape=shape,
        targets=tensors.kind,
        tokens=tensors.tokens,
        unit_inputs=tensors.tokens is None and _unit(tensors.inputs),
        remarks=tensors.remarks,
    )


def make(tensors: Tensors, name: str) -> Dataset:
    """Return the data set; the samples for validation end the training samples."""
    before = len(tensors.inputs[0]) - tensors.validation_count
    whole, answers = tensors.inputs[0], tensors.targets[0]
    return Dataset(
        name=name,
        train=_split(whole[:before], answers[:before]),
        validation=_split(whole[before:], answers[before:]),
        test=_split(tensors.inputs[1], tensors.targets[1]),
        classes=tensors.classes,
        sha256=tensors.sha256,
        source=tensors.source,
        tokens=tensors.tokens,
    )


def _split(inputs: Array, targets: Array) -> Split:
    inputs, targets = np.ascontiguousarray(inputs), np.ascontiguousarray(targets)
    inputs.flags.writeable = targets.flags.writeable = False
    return Split(inputs, targets)


def _halves(arrays: Mapping[str, Any], kind: str) -> tuple[Array, Array]:
    train, test = (np.asarray(arrays[f"{half}-{kind}"]) for half in _HALVES)
    return train, test


def _are_images(array: Array) -> bool:
    """Say whether the inputs are images as bytes, or in a form that `as_images` cures."""
    kind = array.dtype.kind
    if kind == "f":
        return array.ndim in {3, 4} and holds_bytes(array)
    if kind not in "biu":
        return False
    return array.ndim in {3, 4} or (array.ndim == 2 and array.dtype.itemsize == 1)


def _are_labels(array: Array) -> bool:
    """Say whether the targets are one class a sample, in a form that `as_labels` takes or cures."""
    kind = array.dtype.kind
    if kind not in "biuf" or array.ndim == 0 or not array.size:
        return True
    column = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    if kind == "f":
        return is_one_hot(array) or (column and bool((array == np.round(array)).all()))
    return column or is_one_hot(array)


def _inputs(
    both: tuple[Array, Array], places: Sequence[str]
) -> tuple[tuple[Array, Array], int | None]:
    """Return values as float32, tokens as int32, and how many tokens there are."""
    for array, place in zip(both, places, strict=True):
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"{place}: expected numbers, but it holds {array.dtype}: save values as floats, "
                f"`x = x.astype(np.float32)`, and tokens as whole numbers"
            )
        if array.ndim < 2 or array.shape[1:] != both[0].shape[1:] or 0 in array.shape:
            raise DataError(
                f"{place}: expected samples (n, ...) of one shape, those for training as those for "
                f"testing, but its shape is {array.shape} and that for training {both[0].shape}; "
                f"samples of one number are saved with `x = x.reshape(-1, 1)`"
            )
    if all(one.dtype.kind in "iu" and one.ndim == 2 and one.dtype.itemsize > 1 for one in both):
        return _tokens(both, places)
    pairs = zip(both, places, strict=True)
    if all(map(_are_images, both)):
        train, test = (_pixels(array, place) for array, place in pairs)
    else:
        train, test = (_values(array, place) for array, place in pairs)
    return (train, test), None


def _tokens(both: tuple[Array, Array], places: Sequence[str]) -> tuple[tuple[Array, Array], int]:
    least, greatest = min(one.min() for one in both), max(one.max() for one in both)
    if least < 0 or greatest >= _MOST_TOKENS:
        raise DataError(
            f"{places[0]}: expected tokens, whole numbers from 0 to {_MOST_TOKENS - 1:,}, but they "
            f"run from {least} to {greatest}; number them with `np.unique(x, return_inverse=True)`"
            f", or save values as floats: `x = x.astype(np.float32)`"
        )
    train, test = (one.astype(np.int32) for one in both)
    return (train, test), int(greatest) + 1


def _pixels(array: Array, place: str) -> Array:
    """Return images as values from 0 to 1, with a channel axis."""
    images = as_images(array, place)
    return np.divide(images.reshape(*images.shape[:3], -1), np.float32(255), dtype=np.float32)


def _values(array: Array, place: str) -> Array:
    """Return values as float32. Raises DataError where they are not finite."""
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    if not np.isfinite(values).all():
        where = tuple(np.argwhere(~np.isfinite(values))[0].tolist())
        raise DataError(
            f"{place}: expected finite numbers in float32's range, but at {where} there is "
            f"{array[where]}: fill such gaps, or take the samples out"
        )
    return values


def _targets(
    both: tuple[Array, Array], places: Sequence[str], source: str, *, of_tokens: bool
) -> tuple[tuple[Array, Array], int | None, tuple[str, ...]]:
    """Return the targets, the number of classes where they are classes, and remarks."""
    if both[0].shape[1:] != both[1].shape[1:] or both[0].dtype.kind not in "biufUS":
        raise DataError(
            f"{places[1]}: expected targets of one type and shape, those for training as those for "
            f"testing, but it holds {both[1].dtype} of shape {both[1].shape}, and for training "
            f"{both[0].dtype} of shape {both[0].shape}"
        )
    numbers = both[0].dtype.kind in "biuf" and not all(map(is_one_hot, both))
    whole = all(one.dtype.kind in "biu" for one in both)
    if numbers and whole and (of_tokens or not all(map(_are_labels, both))):
        return _classes(both, places)
    if numbers and not whole:
        train, test = (_values(one, place) for one, place in zip(both, places, strict=True))
        if train.ndim == 1:
            train, test = train[:, np.newaxis], test[:, np.newaxis]
        return (train, test), _numbered(train, test), ()
    train, test, remarks = as_labels(*both, source)
    classes = int(max(train.max(), test.max())) + 1
    if gaps := sorted(set(range(classes)) - set(np.unique(train).tolist())):
        raise DataError(
            f"{places[0]}: expected classes 0, 1, ... without gaps, but no training sample is of "
            f"{', '.join(map(str, gaps[:8]))}; number the classes from 0, or, if the targets are "
            f"values, save them as floats: `y = y.astype(np.float32)`"
        )
    return (train.astype(np.int64), test.astype(np.int64)), classes, remarks


def _classes(
    both: tuple[Array, Array], places: Sequence[str]
) -> tuple[tuple[Array, Array], int, tuple[str, ...]]:
    """Return whole numbers as classes: tokens to predict, or one class at each place."""
    least, greatest = min(one.min() for one in both), max(one.max() for one in both)
    if least < 0 or greatest >= _MOST_TOKENS:
        raise DataError(
            f"{places[0]}: expected the numbers of classes, from 0 to {_MOST_TOKENS - 1:,}, but "
            f"they run from {least} to {greatest}; values are saved as floats: "
            f"`y = y.astype(np.float32)`"
        )
    train, test = (one.astype(np.int64) for one in both)
    if train.ndim == 2 and train.shape[1] == 1:
        train, test = train[:, 0], test[:, 0]
    return (train, test), int(greatest) + 1, ()


def _numbered(train: Array, test: Array) -> int | None:
    """Return how many classes one column of values numbers, from 0 without a gap, or None."""
    if train.ndim != 2 or train.shape[1] != 1:
        return None
    found = np.unique(train)
    counts = 2 <= len(found) <= _MOST_CLASSES and bool((found == np.arange(len(found))).all())
    return len(found) if counts and set(np.unique(test).tolist()) <= set(found.tolist()) else None


def _unit(both: tuple[Array, Array]) -> bool:
    return all(bool(one.min() >= 0 and one.max() <= 1) for one in both)


def _on_size(inputs: Array) -> tuple[str, ...]:
    if inputs.dtype != np.float32 or float(np.abs(inputs).max()) <= _LARGE:
        return ()
    return (
        f"inputs run from {inputs.min():g} to {inputs.max():g} and are taken as they are: networks "
        f"learn better from inputs of about 1",
    )
