"""Arrays of any rank as a data set: values or tokens go in, values or classes are learnt.

An npz that holds images and their classes is read by `container`, for its identity is that of IDX
files. All else is taken as it is: nothing is scaled, nothing is shuffled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, Split
from benchbench.data.npz import Saved
from benchbench.data.targets import TargetKind
from benchbench.data.tensor_inputs import are_images, as_inputs, on_size
from benchbench.data.tensor_targets import are_labels, as_targets
from benchbench.errors import DataError

_FEWEST_SAMPLES = 10
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
    if are_images(inputs[0]) and are_labels(targets[0]):
        return None
    names = {half: saved.places[f"{half}-images"] for half in _HALVES}
    both, tokens = as_inputs(inputs, [names[half] for half in _HALVES])
    labels = [saved.places[f"{half}-labels"] for half in _HALVES]
    learnt, classes, remarks = as_targets(
        targets, labels, str(source), of_tokens=tokens is not None
    )
    for values, answers, place in zip(both, learnt, labels, strict=True):
        if len(values) != len(answers) or len(values) < _FEWEST_SAMPLES:
            raise DataError(
                f"{place}: expected a target for each of {_FEWEST_SAMPLES} samples or more, but "
                f"there are {len(values):,} samples and {len(answers):,} targets"
            )
    if (learnt[0] == learnt[0][:1]).all():
        remarks = (*remarks, "the targets of all training samples are alike")
    count = len(both[0])
    return Tensors(
        inputs=both,
        targets=learnt,
        tokens=tokens,
        classes=classes,
        validation_count=saved.validation_count or count - count * 4 // 5,
        source=str(source),
        remarks=(*remarks, *on_size(both[0])),
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


def _unit(both: tuple[Array, Array]) -> bool:
    return all(bool(one.min() >= 0 and one.max() <= 1) for one in both)
