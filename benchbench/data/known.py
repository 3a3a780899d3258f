"""The core's own data sets: each is found and verified by its name, and loaded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchbench.data import container, names
from benchbench.data.chosen import Chosen
from benchbench.data.targets import TargetKind
from benchbench.errors import DataError, Unavailable

if TYPE_CHECKING:
    from benchbench.data.container import Content
    from benchbench.data.dataset import Dataset
    from benchbench.spec.model import ModelSpec


def choose(name: str, told: Callable[[str], None]) -> Chosen:
    """Find and verify the data set of a reserved name. Raises DataError or Unavailable."""
    from benchbench.data import synthetic

    if name in names.PUBLISHED:
        return _choose_published(name, told)
    if name in {*names.TABLES, names.UNICODE_NAMES}:
        return _choose_brought_along(name)
    if name == "digits":
        return _choose_digits("as asked for")
    if name == synthetic.NAME:
        return synthetic.choose()
    return _choose_mnist(told) if name == "mnist" else _choose_auto(told)


def load(name: str, place: Path | None, model: ModelSpec | None) -> Dataset:
    """Load what `choose` found under a reserved name. Raises DataError."""
    from benchbench.data import digits, mnist, published, splits, synthetic

    if name == "digits":
        return digits.load(place)
    if name in names.TABLES:
        from benchbench.data import known_tables, table

        return table.make(known_tables.read(name), name)
    if name in {synthetic.NAME, names.UNICODE_NAMES}:
        if model is None:
            raise DataError(f"'{name}' is made for a model: name the model too")
        if name == synthetic.NAME:
            return synthetic.load(model)
        from benchbench.data import text, unicode_names

        return text.make(unicode_names.read(), name, model)
    if place is None:
        raise DataError(f"the data set '{name}' was chosen without a place to load it from")
    if name == "mnist":
        return mnist.load(place)
    content = published.read(name, place)
    return splits.split(
        content, name=name, validation_count=splits.validation_count(content), source=str(place)
    )


def chosen_mnist(location: Path, content: Content, how: str) -> Chosen:
    """Return the choice of an MNIST that was found and verified."""
    from benchbench.data import mnist, splits

    return Chosen(
        name="mnist",
        location=str(location),
        sha256=container.dataset_sha256(mnist.HASHES, mnist.VALIDATION_COUNT),
        note=f"mnist, {how}: {location}",
        input_shape=splits.image_shape(content),
        targets=TargetKind((), classes=splits.class_count(content)),
    )


def _choose_brought_along(name: str) -> Chosen:
    from benchbench.data import known_tables, text, unicode_names

    if name in names.TABLES:
        return known_tables.choose(name)
    return text.choose(unicode_names.read(), name, None)


def _choose_auto(told: Callable[[str], None]) -> Chosen:
    """Take MNIST if it can be had, else digits.

    Raises DataError where the user has named a place and the MNIST there is damaged.
    """
    try:
        return _choose_mnist(told)
    except _NoMnist as error:
        if error.damaged:
            return _choose_digits(f"WARNING: an MNIST was found, but {'; '.join(error.damaged)}")
        return _choose_digits(
            "MNIST is in none of the places searched and could not be downloaded "
            "(`benchbench data fetch` says why)"
        )


class _NoMnist(Unavailable):
    """MNIST is whole nowhere, and cannot be downloaded; `damaged` says where it is not whole."""

    def __init__(self, reason: str, damaged: Sequence[str]) -> None:
        super().__init__("\n".join([reason, *damaged]))
        self.damaged = damaged


def _choose_mnist(told: Callable[[str], None]) -> Chosen:
    """Take the first whole MNIST of the places searched, else download it; name the damaged."""
    from benchbench.data import mnist

    found = mnist.find()
    if isinstance(found, mnist.Found):
        damaged = found.damaged
        chosen = chosen_mnist(found.location, found.content, f"found in {found.place.label}")
    else:
        damaged = found
        try:
            location, _ = mnist.fetch(told)
        except Unavailable as error:
            raise _NoMnist(str(error), damaged) from None
        chosen = chosen_mnist(location, mnist.read(location), "downloaded")
    note = "\n".join([*(f"warning: {one}" for one in damaged), chosen.note])
    return msgspec.structs.replace(chosen, note=note)


def _choose_digits(reason: str) -> Chosen:
    from benchbench.data import digits

    location = digits.prepare()
    return Chosen(
        name="digits",
        location=str(location) if location else None,
        sha256=container.dataset_sha256(digits.HASHES, digits.VALIDATION_COUNT),
        note=f"digits (scikit-learn's, scaled to MNIST's size): {reason}",
        input_shape=(28, 28, 1),
        targets=TargetKind((), classes=10),
    )


def _choose_published(name: str, told: Callable[[str], None]) -> Chosen:
    from benchbench.data import published, splits

    found = published.find(name, told)
    count = splits.validation_count(found.content)
    warnings = (f"warning: {one}\n" for one in found.damaged)
    return Chosen(
        name=name,
        location=str(found.location),
        sha256=container.dataset_sha256(found.content.sha256, count),
        note=f"{''.join(warnings)}{name}, {found.how}: {found.location}",
        input_shape=splits.image_shape(found.content),
        targets=TargetKind((), classes=splits.class_count(found.content)),
        remarks=found.content.remarks,
    )
