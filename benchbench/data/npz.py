"""An npz with the arrays of a data set, as they were saved."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchbench.data.names import PARTS, SAVE
from benchbench.errors import DataError
from benchbench.files import open_file

# Source: PKWARE's APPNOTE.TXT, 4.3.7, "Local file header".
_ZIP_BEGINS = b"PK\x03\x04"
_GZIP_BEGINS = b"\x1f\x8b"
_KEYS = {key: part for part, key in PARTS.items()}
# MedMNIST's keys, with a split for validation, and other spellings that people use.
_KEYS |= {
    f"{half}_{kind}": f"{part}-{kind}"
    for half, part in (("train", "train"), ("test", "t10k"), ("val", "val"))
    for kind in ("images", "labels")
}
_KEYS |= {"x_val": "val-images", "y_val": "val-labels"}
_KEYS |= {"train_x": "train-images", "train_y": "train-labels"}
_KEYS |= {"test_x": "t10k-images", "test_y": "t10k-labels"}


@dataclass(frozen=True, eq=False)
class Saved:
    """Arrays of any type by part; `places` says for each, to people, where it was read from.

    The samples for validation end the training parts; `validation_count` is how many the file has,
    None where it has no such split.
    """

    arrays: Mapping[str, Any]
    places: Mapping[str, str]
    validation_count: int | None


def read(path: Path) -> Saved:
    """Read an npz. Raises DataError for what is none, or lacks an array."""
    try:
        by_part, keys = _arrays(path)
    except MemoryError:
        raise DataError(
            f"{path}: there is no memory for what it says it holds; use a smaller data set, or a "
            f"machine with more"
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    missing = [key for part, key in PARTS.items() if part not in by_part]
    if missing:
        raise DataError(
            f"{path}: expected the arrays {', '.join(PARTS.values())}, but {', '.join(missing)} "
            f"is missing; it holds {', '.join(keys) or 'none'}; save it with `{SAVE}`"
        )
    arrays = {part: array for part, (_, array) in by_part.items()}
    validation_count = _join_validation(arrays, path)
    places = {part: f"{path} ({by_part[part][0]})" for part in PARTS}
    return Saved({part: arrays[part] for part in PARTS}, places, validation_count)


def _join_validation(arrays: dict[str, Any], path: Path) -> int | None:
    """Put samples for validation behind those for training, and return how many they are."""
    there = [kind for kind in ("images", "labels") if f"val-{kind}" in arrays]
    if not there:
        return None
    if len(there) == 1:
        raise DataError(
            f"{path}: expected both inputs and targets for validation, but there are {there[0]} "
            f"only: save x_val and y_val, or neither"
        )
    for kind in there:
        train, own = arrays[f"train-{kind}"], arrays[f"val-{kind}"]
        if _sort(train) != _sort(own) or not own.size:
            raise DataError(
                f"{path}: expected the {kind} of train and val in one type, at least one of each, "
                f"but they hold {train.dtype} of shape {train.shape} and {own.dtype} of shape "
                f"{own.shape}"
            )
        try:
            arrays[f"train-{kind}"] = np.concatenate([train, own])
        except ValueError as error:
            raise DataError(f"{path}: the {kind} of train and val differ: {error}") from None
    return len(arrays["val-images"])


def _sort(array: Any) -> str:
    """Return the sort of what an array holds; arrays of two sorts become one by a conversion."""
    kind: str = array.dtype.kind
    return "whole" if kind in "biu" else kind


def _arrays(path: Path) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Return the arrays that are known, by part, each with its key, and all keys."""
    with open_file(path) as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            if file.read(4) == _ZIP_BEGINS:
                raise DataError(
                    f"{path}: expected a whole npz (a zip archive of arrays), but its end is "
                    f"missing: it is truncated; delete it and get it again"
                )
            file.seek(0)
            packed = "; unpack it first" if file.read(2) == _GZIP_BEGINS else ""
            raise DataError(
                f"{path}: expected a folder of IDX files or an npz (a zip archive of arrays), but "
                f"it is neither{packed}; a table is a file named .csv, a text is named text:FILE; "
                f"pickles are never read: save arrays with `{SAVE}`"
            )
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                keys = list(archive)
                found = {key: archive[key] for key in keys if key.lower() in _KEYS}
        except MemoryError:
            raise
        # A damaged archive makes NumPy and zipfile raise a dozen kinds of exception; an array of
        # objects, which would be a pickle, a ValueError.
        except Exception as error:
            raise DataError(
                f"{path}: cannot read its arrays: {error}; get it again; an array of objects must "
                f"be saved with a type: `y = y.astype(str)`"
            ) from None
    by_part: dict[str, tuple[str, Any]] = {}
    for key, array in found.items():
        part = _KEYS[key.lower()]
        if part in by_part:
            raise DataError(
                f"{path}: expected one array of each part, but '{by_part[part][0]}' and '{key}' "
                f"are of one: leave one of them out"
            )
        by_part[part] = key, array
    return by_part, keys
