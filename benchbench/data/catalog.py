"""Every data set by name: found and verified once by the caller, loaded again by each worker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.data.cache import absolute
from benchbench.data.dataset import Dataset, DatasetInfo
from benchbench.errors import DataError, Unavailable, UsageError, nearest
from benchbench.files import is_there
from benchbench.records import DatasetChoice

if TYPE_CHECKING:
    from benchbench.data.container import Content

# Names that neither a plugin nor a folder may have, nor any that ends in `QUICK`.
RESERVED = ("auto", "digits", "mnist")
QUICK = "-quick"


class Chosen(DatasetChoice, frozen=True):
    """A choice, with what a person or a plan wants to know before anything is loaded.

    `note` is a sentence that says which data set was taken and why. `image_shape` is (height,
    width, channels), `classes` the number of labels; null where nobody has looked.
    """

    note: str = ""
    image_shape: tuple[int, int, int] | None = None
    classes: int | None = None


def choose(name: str, offered: Mapping[str, DatasetInfo], *, quick: bool = False) -> Chosen:
    """Find and verify the data set that `--dataset` names.

    `name` is auto, mnist, digits, a plugin's data set (`offered`, by name) or a folder or npz.
    `quick` takes the first tenth of every split, under a name and a hash of its own.

    Raises DataError or Unavailable (exit 3) for data that cannot be had or is not what it should
    be, UsageError for a name that is nothing.
    """
    chosen = _choose(name, offered)
    if not quick:
        return chosen
    from benchbench.data.splits import quick_sha256

    assert chosen.sha256 is not None  # noqa: S101 - every branch below has verified one
    return Chosen(
        name=chosen.name + QUICK,
        location=chosen.location,
        sha256=quick_sha256(chosen.sha256),
        quick=True,
        note=f"{chosen.note}; the first tenth of every split",
        image_shape=chosen.image_shape,
        classes=chosen.classes,
    )


def load(choice: DatasetChoice, offered: Mapping[str, DatasetInfo]) -> Dataset:
    """Load what `choose` found, from that very place: no search, no download.

    Raises DataError if it is not there any more, or not the same.
    """
    from benchbench.data import digits, folder, mnist, splits

    name = choice.name.removesuffix(QUICK) if choice.quick else choice.name
    place = None if choice.location is None else Path(choice.location)
    if name == "digits":
        dataset = digits.load(place)
    elif name in offered and name not in RESERVED:
        dataset = _load_offered(offered[name], place)
    elif place is None:
        raise DataError(f"the data set '{name}' was chosen without a place to load it from")
    else:
        dataset = mnist.load(place) if name == "mnist" else folder.load(place, name)
    if choice.quick:
        dataset = splits.quick(dataset, name + QUICK)
    if choice.sha256 is not None and dataset.sha256 != choice.sha256:
        raise DataError(
            f"the data set '{choice.name}' from {dataset.source} has changed since it was chosen: "
            f"expected SHA-256 {choice.sha256}, but it is {dataset.sha256}; start the run again"
        )
    return dataset


def _choose(name: str, offered: Mapping[str, DatasetInfo]) -> Chosen:
    if name == "auto":
        return _choose_auto()
    if name == "mnist":
        return _choose_mnist()
    if name == "digits":
        return _choose_digits("as asked for")
    if name in offered:
        dataset = _load_offered(offered[name], None)
        height, width, channels = dataset.train.inputs.shape[1:]
        return Chosen(
            name=name,
            sha256=dataset.sha256,
            note=f"{name} from {dataset.source}",
            image_shape=(height, width, channels),
            classes=dataset.classes,
        )
    if is_there(absolute(name)):
        return _choose_folder(Path(name), offered)
    known = (*RESERVED, *offered)
    raise UsageError(
        f"there is no data set '{name}', nor a folder of that name{nearest(name, known)} "
        f"(known: {', '.join(known)}; or name a folder of IDX files)"
    )


def _choose_auto() -> Chosen:
    """Take MNIST if it can be had, else digits.

    Raises DataError where the user has named a place and the MNIST there is damaged.
    """
    from benchbench.data import mnist

    place = mnist.search()
    try:
        return _choose_mnist()
    except DataError as error:
        if place is not None and place.named:
            raise
        return _choose_digits(f"WARNING: an MNIST was found, but it is damaged: {error}")
    except Unavailable:
        return _choose_digits(
            "MNIST is in none of the places searched and could not be downloaded "
            "(`benchbench data fetch` says why)"
        )


def _choose_mnist() -> Chosen:
    from benchbench.data import mnist

    place = mnist.search()
    location = place.found() if place else None
    if place is None or location is None:
        location, _ = mnist.fetch()
        return _chosen_mnist(location, mnist.read(location), "downloaded")
    try:
        content = mnist.read(location)
    except DataError as error:
        if place.named:
            raise
        raise DataError(
            f"{error} (this is {place.label}, which is searched before a download: delete what "
            f"is damaged there, and `benchbench data fetch` gets it anew)"
        ) from None
    return _chosen_mnist(location, content, f"found in {place.label}")


def _choose_digits(reason: str) -> Chosen:
    from benchbench.data import container, digits

    location = digits.prepare()
    return Chosen(
        name="digits",
        location=str(location) if location else None,
        sha256=container.dataset_sha256(digits.HASHES, digits.VALIDATION_COUNT),
        note=f"digits, scikit-learn's, brought to MNIST's size: {reason}",
        image_shape=(28, 28, 1),
        classes=10,
    )


def _choose_folder(directory: Path, offered: Mapping[str, DatasetInfo]) -> Chosen:
    from benchbench.data import container, folder, splits

    location = folder.locate(directory)
    content = folder.read(location)
    if folder.is_mnist(content):
        return _chosen_mnist(location, content, "in the folder named")
    return Chosen(
        name=folder.name_of(location, taken=(*RESERVED, *offered)),
        location=str(location),
        sha256=container.dataset_sha256(content.sha256, folder.validation_count(content)),
        note=f"the data set in {location}, which is not MNIST: no reference figures",
        image_shape=splits.image_shape(content),
        classes=splits.class_count(content),
    )


def _chosen_mnist(location: Path, content: Content, how: str) -> Chosen:
    from benchbench.data import container, mnist, splits

    return Chosen(
        name="mnist",
        location=str(location),
        sha256=container.dataset_sha256(mnist.HASHES, mnist.VALIDATION_COUNT),
        note=f"mnist, {how}: {location}",
        image_shape=splits.image_shape(content),
        classes=splits.class_count(content),
    )


def _load_offered(info: DatasetInfo, location: Path | None) -> Dataset:
    """Load a plugin's data set and hold it to what a Dataset promises. Raises DataError."""
    from benchbench.data import splits

    dataset = info.load(location)
    if dataset.name != info.name:
        raise DataError(
            f"the plugin's data set '{info.name}' calls itself '{dataset.name}' once loaded; the "
            f"plugin must give it one name"
        )
    splits.check(dataset)
    return dataset
