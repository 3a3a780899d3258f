"""Every data set by name: found and verified once by the caller, loaded again by each worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from benchbench.data import autoencoder, container
from benchbench.data.autoencoder import AUTOENCODER
from benchbench.data.cache import absolute
from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, DatasetInfo
from benchbench.data.targets import TargetKind
from benchbench.errors import DataError, Unavailable, UsageError, nearest
from benchbench.files import is_there
from benchbench.records import DatasetChoice

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchbench.data.container import Content
    from benchbench.spec.model import ModelSpec

    Targets: TypeAlias = npt.NDArray[Any]

# Names that neither a plugin nor a folder may have, nor any that ends in `QUICK`.
RESERVED = ("auto", "digits", "mnist", "synthetic")
QUICK = "-quick"


def choose(
    name: str,
    offered: Mapping[str, DatasetInfo],
    *,
    quick: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Chosen:
    """Find and verify the data set that `--dataset` names.

    `name` is auto, mnist, digits, synthetic, a plugin's data set (`offered`, by name), a folder or
    npz, or a csv file, with `:COLUMN` for its target. `:autoencoder` behind it makes the inputs the
    targets.
    `quick` takes the first tenth of every split, under a name and a hash of its own. `told` hears
    how far a download is.

    Raises DataError or Unavailable (exit 3) for data that cannot be had or is not what it should
    be, UsageError for a name that is nothing.
    """
    from benchbench.data.splits import label_remarks, quick_sha256

    plain = name.removesuffix(AUTOENCODER)
    chosen, labels = _choose(plain, offered, told)
    if labels is not None:
        remarks = label_remarks(*labels, name=chosen.name, quick=quick)
        chosen = msgspec.structs.replace(chosen, remarks=(*chosen.remarks, *remarks))
    if plain != name:
        chosen = autoencoder.choose(chosen)
    if not quick:
        return chosen
    assert chosen.sha256 is not None  # noqa: S101 - every branch below has verified one
    return Chosen(
        name=chosen.name + QUICK,
        location=chosen.location,
        sha256=quick_sha256(chosen.sha256),
        quick=True,
        note=f"{chosen.note}; the first tenth of every split",
        input_shape=chosen.input_shape,
        targets=chosen.targets,
        remarks=chosen.remarks,
        target=chosen.target,
        autoencoder=chosen.autoencoder,
    )


def name_to_choose(choice: DatasetChoice, offered: Collection[str]) -> str:
    """Return the name by which `choose` finds a choice again, at the place where it was found.

    `offered` are the names of the plugins' data sets.
    """
    name = choice.name.removesuffix(QUICK) if choice.quick else choice.name
    name = name.removesuffix(AUTOENCODER) if choice.autoencoder else name
    if choice.location is not None and name != "digits" and name not in offered:
        name = f"{choice.location}:{choice.target}" if choice.target else choice.location
    return name + AUTOENCODER if choice.autoencoder else name


def load(
    choice: DatasetChoice, offered: Mapping[str, DatasetInfo], model: ModelSpec | None = None
) -> Dataset:
    """Load what `choose` found, from that very place: no search, no download.

    `model` is what will be trained: `synthetic` takes its shapes.

    Raises DataError if it is not there any more, or not the same.
    """
    from benchbench.data import digits, folder, mnist, splits, synthetic, table

    name = choice.name.removesuffix(QUICK) if choice.quick else choice.name
    own_name = name
    name = name.removesuffix(AUTOENCODER) if choice.autoencoder else name
    place = None if choice.location is None else Path(choice.location)
    if name == "digits":
        dataset = digits.load(place)
    elif name == synthetic.NAME:
        if model is None:
            raise DataError("'synthetic' is drawn for a model: name the model too")
        dataset = synthetic.load(model)
    elif name in offered and name not in RESERVED:
        dataset = _load_offered(offered[name], place)
    elif place is None:
        raise DataError(f"the data set '{name}' was chosen without a place to load it from")
    elif table.parse(place.name):
        dataset = table.make(table.read(place, choice.target), name)
    else:
        dataset = mnist.load(place) if name == "mnist" else folder.load(place, name)
    if choice.autoencoder:
        dataset = autoencoder.make(dataset, own_name)
    if choice.quick:
        dataset = splits.quick(dataset, own_name + QUICK)
    if choice.sha256 is not None and dataset.sha256 != choice.sha256:
        raise DataError(
            f"the data set '{choice.name}' from {dataset.source} has changed since it was chosen: "
            f"expected SHA-256 {choice.sha256}, but it is {dataset.sha256}; start the run again"
        )
    return dataset


def _choose(
    name: str, offered: Mapping[str, DatasetInfo], told: Callable[[str], None]
) -> tuple[Chosen, tuple[Targets, Targets, Targets] | None]:
    """Return the choice, and the labels of its splits where nobody has looked at them before."""
    from benchbench.data import folder, table
    from benchbench.data.targets import kind_of

    if name in RESERVED:
        return _choose_own(name, told), None
    if name in offered:
        dataset = _load_offered(offered[name], None)
        chosen = Chosen(
            name=name,
            sha256=dataset.sha256,
            note=f"{name} from {dataset.source}",
            input_shape=dataset.train.inputs.shape[1:],
            targets=kind_of(dataset),
        )
        return chosen, (dataset.train.targets, dataset.validation.targets, dataset.test.targets)
    if (parsed := table.parse(name)) and is_there(absolute(parsed[0])):
        location = absolute(parsed[0])
        own_name = folder.name_of(location, taken=(*RESERVED, *offered))
        return table.choose(location, parsed[1], own_name), None
    if is_there(absolute(name)) or ("/" in name and container.locate(absolute(name))):
        return _choose_folder(Path(name), offered)
    known = (*RESERVED, *offered)
    raise UsageError(
        f"there is no data set '{name}', nor a folder of that name{nearest(name, known)} "
        f"(known: {', '.join(known)}; or name a folder of IDX files or a csv file)"
    )


def _choose_own(name: str, told: Callable[[str], None]) -> Chosen:
    from benchbench.data import synthetic

    match name:
        case "auto":
            return _choose_auto(told)
        case "mnist":
            return _choose_mnist(told)
        case "digits":
            return _choose_digits("as asked for")
    return synthetic.choose()


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
        chosen = _chosen_mnist(found.location, found.content, f"found in {found.place.label}")
    else:
        damaged = found
        try:
            location, _ = mnist.fetch(told)
        except Unavailable as error:
            raise _NoMnist(str(error), damaged) from None
        chosen = _chosen_mnist(location, mnist.read(location), "downloaded")
    note = "\n".join([*(f"warning: {one}" for one in damaged), chosen.note])
    return msgspec.structs.replace(chosen, note=note)


def _choose_digits(reason: str) -> Chosen:
    from benchbench.data import digits

    location = digits.prepare()
    return Chosen(
        name="digits",
        location=str(location) if location else None,
        sha256=container.dataset_sha256(digits.HASHES, digits.VALIDATION_COUNT),
        note=f"digits, scikit-learn's, brought to MNIST's size: {reason}",
        input_shape=(28, 28, 1),
        targets=TargetKind((), classes=10),
    )


def _choose_folder(
    directory: Path, offered: Mapping[str, DatasetInfo]
) -> tuple[Chosen, tuple[Targets, Targets, Targets] | None]:
    from benchbench.data import folder, splits

    location = folder.locate(directory)
    content = folder.read(location)
    if folder.is_mnist(content):
        return _chosen_mnist(location, content, "in the folder named"), None
    count = folder.validation_count(content)
    labels = content.arrays["train-labels"]
    before = len(labels) - count
    chosen = Chosen(
        name=folder.name_of(location, taken=(*RESERVED, *offered)),
        location=str(location),
        sha256=container.dataset_sha256(content.sha256, count),
        note=f"the data set in {location}, which is not MNIST: no reference figures",
        input_shape=splits.image_shape(content),
        targets=TargetKind((), classes=splits.class_count(content)),
        remarks=content.remarks,
    )
    return chosen, (labels[:before], labels[before:], content.arrays["t10k-labels"])


def _chosen_mnist(location: Path, content: Content, how: str) -> Chosen:
    from benchbench.data import mnist, splits

    return Chosen(
        name="mnist",
        location=str(location),
        sha256=container.dataset_sha256(mnist.HASHES, mnist.VALIDATION_COUNT),
        note=f"mnist, {how}: {location}",
        input_shape=splits.image_shape(content),
        targets=TargetKind((), classes=splits.class_count(content)),
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
