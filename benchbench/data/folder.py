"""Any folder of four IDX files as a data set of its own."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchbench.data import container, mnist, splits
from benchbench.data.cache import absolute
from benchbench.data.container import Content
from benchbench.data.dataset import Dataset
from benchbench.data.names import SAVE
from benchbench.errors import DataError

if TYPE_CHECKING:
    from benchbench.data.tensors import Tensors

_FEWEST_IMAGES = 10
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})


def locate(directory: Path) -> Path:
    """Return the folder or npz at or below `directory` that holds the files. Raises DataError."""
    location = container.locate(absolute(directory))
    if location is None:
        pictures = _pictures_in(absolute(directory))
        if pictures:
            raise DataError(
                f"{directory}: expected arrays, but there are pictures ({pictures}): read them "
                f"into one array, (n, height, width, channels), and save it with `{SAVE}`"
            )
        raise DataError(
            f"{directory}: expected MNIST's file names (train-images-idx3-ubyte, "
            f"train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; gzipped "
            f"with .gz or not), EMNIST's or QMNIST's, or a mnist.npz, but there are none; an npz "
            f"of another name is named itself: {directory}/NAME.npz"
        )
    return location


def _pictures_in(directory: Path) -> str | None:
    """Return the first picture in a folder, or in a folder of it (one a class); None for none."""
    found = (
        path
        for pattern in ("*.*", "*/*.*")
        for path in directory.glob(pattern)
        if path.suffix.lower() in _PICTURES
    )
    first = next(found, None)
    return None if first is None else str(first.relative_to(directory))


def read(location: Path) -> Content:
    """Read and check four arrays. Raises DataError.

    Three parts of MNIST and a fourth that is not are taken for a damaged MNIST.
    """
    return _checked(container.read(location), location)


def read_any(location: Path) -> Content | Tensors:
    """Read images and their classes, or the arrays of an npz that are something else."""
    if not container.is_file(location):
        return read(location)
    from benchbench.data import npz, tensors

    saved = npz.read(location)
    found = tensors.of_saved(saved, location)
    return found or _checked(container.content_from(location, saved), location)


def _checked(content: Content, location: Path) -> Content:
    """Return the content if it is whole and makes sense. Raises DataError."""
    different = [part for part, actual in content.sha256.items() if actual != mnist.HASHES[part]]
    if len(different) == 1:
        container.verify(content, mnist.HASHES, "MNIST, though the other three parts are MNIST's")
    _check_images(content, location)
    _check_labels(content, location)
    return content


def is_mnist(content: Content) -> bool:
    """Say whether the content is MNIST's, by its hashes."""
    return content.sha256 == mnist.HASHES


def load(location: Path, name: str) -> Dataset:
    """Read, check and split a folder or npz. Raises DataError."""
    content = read_any(location)
    if not isinstance(content, Content):
        from benchbench.data import tensors

        return tensors.make(content, name)
    return splits.split(
        content, name=name, validation_count=splits.validation_count(content), source=str(location)
    )


def name_of(location: Path, taken: Collection[str]) -> str:
    """Return the data set's name, from the folder's; it is never one of those `taken`.

    torchvision keeps FashionMNIST in FashionMNIST/raw: there, the folder above gives the name.
    """
    path = location.resolve()
    own = path.parent.name if path.name == "raw" else path.stem if path.is_file() else path.name
    name = re.sub(r"[^a-z0-9._]+", "-", own.lower()).strip("-._") or "folder"
    return f"{name}-folder" if name in taken or name.endswith("-quick") else name


def _check_images(content: Content, location: Path) -> None:
    train, test = content.arrays["train-images"], content.arrays["t10k-images"]
    for part, images in (("train-images", train), ("t10k-images", test)):
        if len(images) < _FEWEST_IMAGES or 0 in images.shape:
            raise DataError(
                f"{content.places[part]}: expected at least {_FEWEST_IMAGES} images of at least "
                f"one pixel, but its shape is {images.shape}"
            )
    if train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"{location}: expected training and test images of one shape, but they have "
            f"{train.shape[1:]} and {test.shape[1:]}"
        )


def _check_labels(content: Content, location: Path) -> None:
    labels = np.unique(content.arrays["train-labels"]).tolist()
    if len(labels) < 2 or labels != list(range(len(labels))):
        shown = ", ".join(map(str, labels[:12])) + (", ..." if len(labels) > 12 else "")
        raise DataError(
            f"{content.places['train-labels']}: expected labels 0, 1, ... without gaps, at least "
            f"two, but the training images have {shown}; number the classes from 0"
        )
    strangers = set(np.unique(content.arrays["t10k-labels"]).tolist()) - set(labels)
    if strangers:
        raise DataError(
            f"{location}: the test images have labels that no training image has: "
            f"{', '.join(map(str, sorted(strangers)))}; take these images out of the test set, or "
            f"add some of their kind to the training images"
        )
