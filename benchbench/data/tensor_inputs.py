"""What goes into a network, of arrays of any rank: values, images as values, or tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from benchbench.data.arrays import as_images, holds_bytes, is_one_hot
from benchbench.errors import DataError

MOST_TOKENS = 1 << 24
# Inputs beyond this are told: few networks learn from them.
_LARGE = 100.0

Array: TypeAlias = npt.NDArray[Any]
_Sort: TypeAlias = Literal["images", "tokens", "values"]


def are_images(array: Array) -> bool:
    """Say whether the inputs are images as bytes, or in a form that `as_images` cures.

    One-hot rows are a sequence, or a board: no image has just one bright pixel a row.
    """
    kind = array.dtype.kind
    if array.ndim in {3, 4}:
        bytes_like = holds_bytes(array) if kind == "f" else kind in "biu"
        return bytes_like and not is_one_hot(array)
    return array.ndim == 2 and kind in "biu" and array.dtype.itemsize == 1


def as_inputs(
    both: tuple[Array, Array], places: Sequence[str]
) -> tuple[tuple[Array, Array], int | None]:
    """Return values as float32, tokens as int32, and how many tokens there are.

    `both` are those for training and for testing. Raises DataError with the line that cures it.
    """
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
    match _sort(both, places):
        case "tokens":
            return _tokens(both, places)
        case "images":
            train, test = (_pixels(one, place) for one, place in zip(both, places, strict=True))
        case "values":
            train, test = (as_values(one, place) for one, place in zip(both, places, strict=True))
    return (train, test), None


def as_values(array: Array, place: str) -> Array:
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


def on_size(inputs: Array) -> tuple[str, ...]:
    """Return a remark on large values."""
    if inputs.dtype != np.float32 or float(np.abs(inputs).max()) <= _LARGE:
        return ()
    return (
        f"inputs run from {inputs.min():g} to {inputs.max():g} and are taken as they are: networks "
        f"learn better from inputs of about 1",
    )


def _sort(both: tuple[Array, Array], places: Sequence[str]) -> _Sort:
    """Return what both arrays are. Raises DataError where they are of two sorts."""
    train, test = map(_sort_of, both)
    if train == test:
        return train
    if all(array.dtype.kind == "f" for array in both):
        # Some floats look like bytes by chance.
        return "values"
    raise DataError(
        f"{places[1]}: expected inputs for testing as those for training, but they are {test}, "
        f"{both[1].dtype}, and those for training {train}, {both[0].dtype}: save both alike"
    )


def _sort_of(array: Array) -> _Sort:
    if array.dtype.kind in "iu" and array.ndim == 2 and array.dtype.itemsize > 1:
        return "tokens"
    return "images" if are_images(array) else "values"


def _tokens(both: tuple[Array, Array], places: Sequence[str]) -> tuple[tuple[Array, Array], int]:
    least, greatest = min(one.min() for one in both), max(one.max() for one in both)
    if least < 0 or greatest >= MOST_TOKENS:
        raise DataError(
            f"{places[0]}: expected tokens, whole numbers from 0 to {MOST_TOKENS - 1:,}, but they "
            f"run from {least} to {greatest}; number them with `np.unique(x, return_inverse=True)`"
            f", or save values as floats: `x = x.astype(np.float32)`"
        )
    train, test = (one.astype(np.int32) for one in both)
    return (train, test), int(greatest) + 1


def _pixels(array: Array, place: str) -> Array:
    """Return images as values from 0 to 1, with a channel axis."""
    images = as_images(array, place)
    return np.divide(images.reshape(*images.shape[:3], -1), np.float32(255), dtype=np.float32)
