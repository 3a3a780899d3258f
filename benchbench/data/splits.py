"""From verified bytes to the splits that a backend trains on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from benchbench.data.container import Content, dataset_sha256
from benchbench.data.dataset import Dataset, Split
from benchbench.data.idx import Bytes
from benchbench.errors import DataError

Targets: TypeAlias = npt.NDArray[Any]

# Of a class that should be there so often, a random order leaves out all in one case of 20,000.
_EXPECTED = 10


def split(content: Content, *, name: str, validation_count: int, source: str) -> Dataset:
    """Return the data set: the last `validation_count` training images are for validation.

    Images become float32 in [0, 1] by division by 255, with a channel axis; labels int64.
    """
    images = content.arrays["train-images"]
    labels = content.arrays["train-labels"]
    train_count = len(images) - validation_count
    return Dataset(
        name=name,
        train=_split(images[:train_count], labels[:train_count]),
        validation=_split(images[train_count:], labels[train_count:]),
        test=_split(content.arrays["t10k-images"], content.arrays["t10k-labels"]),
        classes=class_count(content),
        sha256=dataset_sha256(content.sha256, validation_count),
        source=source,
    )


def image_shape(content: Content) -> tuple[int, int, int]:
    """Return (height, width, channels) of one image."""
    height, width, *channels = content.arrays["train-images"].shape[1:]
    return height, width, channels[0] if channels else 1


def class_count(content: Content) -> int:
    """Return the number of classes, whose labels run from 0."""
    return int(content.arrays["train-labels"].max()) + 1


def validation_count(content: Content) -> int:
    """Return the number of images for validation, which end the training images.

    The source's own, else the last fifth, as Keras's `validation_split=0.2` has it.
    """
    if content.validation_count is not None:
        return content.validation_count
    count = len(content.arrays["train-images"])
    return count - count * 4 // 5


def label_remarks(
    train: Targets, validation: Targets, test: Targets, *, name: str, quick: bool = False
) -> Iterator[str]:
    """Yield what sorted labels do to the splits; nothing of targets that are no classes, (n,).

    Raises DataError where a class of the test images has no training sample: it cannot be learnt.
    """
    parts = [one[: max(1, len(one) // 10)] if quick else one for one in (train, validation, test)]
    if any(one.ndim != 1 or one.dtype.kind not in "iu" or not len(one) for one in parts):
        return
    counts = [np.bincount(one, minlength=int(max(map(np.max, parts))) + 1) for one in parts]
    trained, validated, tested = counts
    if untrained := _classes((trained == 0) & (tested > 0)):
        raise DataError(
            f"the data set '{name}': expected every class of the test images among the training "
            f"images that are left {'by --quick' if quick else 'of those kept for validation'}, "
            f"but there is none of {untrained}: are the labels sorted? Shuffle images and labels "
            f"before they are saved: `order = np.random.default_rng(0).permutation(len(y_train)); "
            f"x_train, y_train = x_train[order], y_train[order]`"
        )
    share = (trained + validated) / (len(parts[0]) + len(parts[1]))
    for split, there, count in (
        ("training", trained, parts[0]),
        ("validation", validated, parts[1]),
    ):
        if missing := _classes((there == 0) & (share * len(count) > _EXPECTED)):
            yield f"{split} has no sample of {missing}: are the labels sorted? Shuffle them"


def _classes(which: npt.NDArray[np.bool_]) -> str:
    """Name classes: "class 3", "classes 3, 5"; nothing for none."""
    numbers = np.flatnonzero(which).tolist()
    shown = ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
    return shown and f"class{'es' if len(numbers) > 1 else ''} {shown}"


def quick(dataset: Dataset, name: str) -> Dataset:
    """Return the first tenth of every split, at least one image, as a data set of its own."""
    return dataclasses.replace(
        dataset,
        name=name,
        train=_first_tenth(dataset.train),
        validation=_first_tenth(dataset.validation),
        test=_first_tenth(dataset.test),
        sha256=quick_sha256(dataset.sha256),
        source=f"{dataset.source}, the first tenth of every split",
    )


def quick_sha256(sha256: str) -> str:
    """Return the identity of the first tenth of the data set that `sha256` identifies."""
    return hashlib.sha256(f"first tenth of {sha256}\n".encode()).hexdigest()


def check(dataset: Dataset) -> None:
    """Hold a plugin's data set to what Dataset and Split promise. Raises DataError."""
    faults: list[str] = []
    for part in ("train", "validation", "test"):
        one: Split = getattr(dataset, part)
        inputs, targets = one.inputs, one.targets
        if inputs.dtype == np.int32 and inputs.shape[1:] == dataset.train.inputs.shape[1:]:
            faults += _token_faults(part, inputs, dataset.tokens)
        elif inputs.dtype != np.float32 or inputs.ndim < 2 or not inputs.flags.c_contiguous:
            faults.append(
                f"{part} inputs: expected C-contiguous float32 (n, ...), images as (n, height, "
                f"width, channels), or tokens, int32 (n, steps), all of one shape, but they are "
                f"{inputs.dtype} {inputs.shape}"
            )
        elif inputs.shape[1:] != dataset.train.inputs.shape[1:]:
            faults.append(f"{part} inputs differ in shape from the training inputs")
        elif not inputs.size or not np.isfinite(inputs).all():
            faults.append(f"{part} inputs: expected some, all finite")
        elif inputs.ndim == 4 and not (inputs.min() >= 0 and inputs.max() <= 1):
            faults.append(f"{part} images: expected values in [0, 1]")
        faults += _target_faults(part, targets, len(inputs), dataset.classes)
    if faults:
        raise DataError(f"the plugin's data set '{dataset.name}' is unfit: {'; '.join(faults)}")


def _token_faults(part: str, inputs: npt.NDArray[Any], tokens: int | None) -> Iterator[str]:
    """Yield what keeps inputs of int32 from being tokens, C-contiguous (n, steps)."""
    if inputs.ndim != 2 or not inputs.size or not inputs.flags.c_contiguous:
        yield f"{part} inputs: expected C-contiguous tokens (n, steps), but they are {inputs.shape}"
    elif tokens is None:
        yield f"{part} inputs: expected `tokens`, how many there are, for they are int32"
    elif not 0 <= inputs.min() <= inputs.max() < tokens:
        yield f"{part} inputs: expected tokens from 0 to {tokens - 1}"


def _target_faults(
    part: str, targets: npt.NDArray[Any], count: int, classes: int | None
) -> Iterator[str]:
    """Yield what keeps targets from being classes, int64 (n, ...), or values, float32 (n, k)."""
    if targets.dtype == np.float32 and targets.ndim >= 2 and len(targets) == count:
        if not np.isfinite(targets).all():
            yield f"{part} targets: expected finite values"
    elif targets.dtype != np.int64 or targets.ndim < 1 or len(targets) != count:
        yield (
            f"{part} targets: expected classes, int64 (n,), or values, float32 (n, outputs), one "
            f"for each of {count} samples, but they are {targets.dtype} {targets.shape}"
        )
    elif classes is None:
        yield f"{part} targets: expected a number of classes, for they are int64"
    elif targets.size and not 0 <= targets.min() <= targets.max() < classes:
        yield f"{part} targets: expected classes from 0 to {classes - 1}"


def _first_tenth(whole: Split) -> Split:
    count = max(1, len(whole) // 10)
    # Copies: views would keep the whole in memory.
    return _sealed(whole.inputs[:count].copy(), whole.targets[:count].copy())


def _split(images: Bytes, labels: Bytes) -> Split:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    scaled = np.empty(images.shape, np.float32)
    # NumPy converts in small buffers here; astype first would hold the images twice over.
    np.divide(images, np.float32(255), out=scaled, dtype=np.float32)
    return _sealed(scaled, labels.astype(np.int64))


def _sealed(images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Split:
    images.flags.writeable = False
    labels.flags.writeable = False
    return Split(images, labels)
