"""Every data set by name: found and verified once by the caller, loaded again by each worker."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from benchbench.data import autoencoder, container, known
from benchbench.data.cache import absolute
from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, DatasetInfo
from benchbench.data.names import AUTOENCODER, QUICK, RESERVED, TEXT
from benchbench.data.targets import TargetKind
from benchbench.errors import DataError, Unavailable, UsageError, nearest
from benchbench.files import is_there
from benchbench.records import DatasetChoice

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchbench.spec.model import ModelSpec

    Targets: TypeAlias = npt.NDArray[Any]

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}


def choose(
    name: str,
    offered: Mapping[str, DatasetInfo],
    *,
    quick: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Chosen:
    """Find and verify the data set that `--dataset` names.

    `name` is one of the core's, a plugin's data set (`offered`, by name), a folder or npz, a csv
    file, with `:COLUMN` for its target, or `text:FILE`. `:autoencoder` behind it makes the inputs
    the targets.
    `quick` takes the first tenth of every split, under a name and a hash of its own. `told` hears
    how far a download is.

    Raises DataError or Unavailable (exit 3) for data that cannot be had or is not what it should
    be, UsageError for a name that is nothing.
    """
    from benchbench.data.splits import label_remarks, quick_sha256

    plain = name.removesuffix(AUTOENCODER)
    chosen, labels = _choose(plain, offered, told)
    _must_be_sendable(chosen)
    if labels is not None:
        remarks = label_remarks(*labels, name=chosen.name, quick=quick)
        chosen = msgspec.structs.replace(chosen, remarks=(*chosen.remarks, *remarks))
    if plain != name:
        chosen = autoencoder.choose(chosen)
    if not quick:
        return chosen
    assert chosen.sha256 is not None  # noqa: S101 - every branch below has verified one
    return msgspec.structs.replace(
        chosen,
        name=chosen.name + QUICK,
        sha256=quick_sha256(chosen.sha256),
        quick=True,
        note=f"{chosen.note}; the first tenth of every split",
    )


def _must_be_sendable(chosen: Chosen) -> None:
    """Raise DataError for a place whose name is no text: no worker and no record can be told it."""
    try:
        (chosen.location or "").encode()
    except UnicodeEncodeError:
        raise DataError(
            f"the data set '{chosen.name}' lies in {chosen.location!r}: expected a path in UTF-8; "
            f"rename the file or the folder"
        ) from None


def name_to_choose(choice: DatasetChoice, offered: Collection[str]) -> str:
    """Return the name by which `choose` finds a choice again, at the place where it was found.

    `offered` are the names of the plugins' data sets.
    """
    name = _plain_name(choice)
    # MNIST is found again in the folder where it was; the others are where they always are.
    if choice.location is not None and name not in {*RESERVED, *offered} - {"mnist"}:
        place = f"{choice.location}:{choice.target}" if choice.target else choice.location
        name = f"{TEXT}{place}" if name.startswith(TEXT) else place
    return name + AUTOENCODER if choice.autoencoder else name


def load(
    choice: DatasetChoice, offered: Mapping[str, DatasetInfo], model: ModelSpec | None = None
) -> Dataset:
    """Load what `choose` found, from that very place: no search, no download.

    `model` is what will be trained: `synthetic` and texts take its shapes.

    Raises DataError if it is not there any more, or not the same.
    """
    from benchbench.data import splits

    dataset = _load(choice, offered, model)
    if choice.autoencoder:
        dataset = autoencoder.make(dataset, choice.name.removesuffix(QUICK))
    if choice.quick:
        dataset = splits.quick(dataset, choice.name)
    if choice.sha256 is not None and dataset.sha256 != choice.sha256:
        raise DataError(
            f"the data set '{choice.name}' from {dataset.source} has changed since it was chosen: "
            f"expected SHA-256 {choice.sha256}, but it is {dataset.sha256}; start the run again"
        )
    return dataset


def _plain_name(choice: DatasetChoice) -> str:
    """Return the name of the whole data set, with its own targets."""
    name = choice.name.removesuffix(QUICK) if choice.quick else choice.name
    return name.removesuffix(AUTOENCODER) if choice.autoencoder else name


def _load(
    choice: DatasetChoice, offered: Mapping[str, DatasetInfo], model: ModelSpec | None
) -> Dataset:
    name = _plain_name(choice)
    place = None if choice.location is None else Path(choice.location)
    if name in RESERVED:
        return known.load(name, place, model)
    if name in offered:
        return _load_offered(offered[name], place)
    if place is None:
        raise DataError(f"the data set '{name}' was chosen without a place to load it from")
    if name.startswith(TEXT):
        from benchbench.data import text

        if model is None:
            raise DataError(f"'{name}' is cut for a model: name the model too")
        return text.make(text.read(place), name, model)
    from benchbench.data import folder, table

    if table.parse(place.name):
        return table.make(table.read(place, choice.target), name)
    return folder.load(place, name)


def _choose(
    name: str, offered: Mapping[str, DatasetInfo], told: Callable[[str], None]
) -> tuple[Chosen, tuple[Targets, Targets, Targets] | None]:
    """Return the choice, and the labels of its splits where nobody has looked at them before."""
    from benchbench.data import folder, table

    if name in RESERVED:
        return _choose_known(name, told), None
    if name in offered:
        return _choose_offered(offered[name])
    if name.startswith(TEXT):
        from benchbench.data import text

        if name == TEXT:
            raise UsageError(f"'{TEXT}' names no file: write {TEXT}FILE, such as {TEXT}novel.txt")
        location = absolute(name.removeprefix(TEXT))
        return text.choose(text.read(location), TEXT + folder.name_of(location, ()), location), None
    if (parsed := table.parse(name)) and is_there(absolute(parsed[0])):
        location = absolute(parsed[0])
        own_name = folder.name_of(location, taken=(*RESERVED, *offered))
        return table.choose(location, parsed[1], own_name), None
    if (name and is_there(absolute(name))) or ("/" in name and container.locate(absolute(name))):
        return _choose_folder(Path(name), offered)
    _must_be_readable(name)
    known_names = (*RESERVED, *offered)
    # The nearest data set to the name of a file is nearest by chance.
    hint = "" if Path(name).suffix or "/" in name else nearest(name, known_names)
    raise UsageError(
        f"there is no data set '{name}', nor a file or a folder of that name{hint} "
        f"(known: {', '.join(known_names)}; or name a folder of IDX "
        f"files, an npz, a csv file, or text:FILE)"
    )


def _must_be_readable(name: str) -> None:
    """Raise DataError for what is there and may not be looked at, or leads to itself."""
    try:
        absolute(name).stat()
    except OSError as error:
        if error.errno not in _NOTHING_THERE:
            raise DataError(f"cannot read {name}: {error.strerror}; name another place") from None
    except ValueError:  # no path has such a name
        return


def _choose_known(name: str, told: Callable[[str], None]) -> Chosen:
    try:
        return known.choose(name, told)
    except Unavailable as error:
        if not is_there(absolute(name)):
            raise
        raise Unavailable(
            f"{error}\n'{name}' is the data set as it is published; your own {absolute(name)} is "
            f"named with a path: --dataset ./{name}"
        ) from None


def _choose_folder(
    directory: Path, offered: Mapping[str, DatasetInfo]
) -> tuple[Chosen, tuple[Targets, Targets, Targets] | None]:
    from benchbench.data import folder, splits
    from benchbench.data.container import Content

    location = folder.locate(directory)
    content = folder.read_any(location)
    own_name = folder.name_of(location, taken=(*RESERVED, *offered))
    if not isinstance(content, Content):
        from benchbench.data import tensors

        return tensors.choose(content, own_name, location), content.targets_by_split
    if folder.is_mnist(content):
        return known.chosen_mnist(location, content, "in the folder named"), None
    count = splits.validation_count(content)
    labels = content.arrays["train-labels"]
    before = len(labels) - count
    chosen = Chosen(
        name=own_name,
        location=str(location),
        sha256=container.dataset_sha256(content.sha256, count),
        note=f"the data set in {location}, which is not MNIST: no reference figures",
        input_shape=splits.image_shape(content),
        targets=TargetKind((), classes=splits.class_count(content)),
        remarks=content.remarks,
    )
    return chosen, (labels[:before], labels[before:], content.arrays["t10k-labels"])


def _choose_offered(info: DatasetInfo) -> tuple[Chosen, tuple[Targets, Targets, Targets]]:
    from benchbench.data.targets import kind_of

    dataset = _load_offered(info, None)
    chosen = Chosen(
        name=info.name,
        sha256=dataset.sha256,
        note=f"{info.name} from {dataset.source}",
        input_shape=dataset.train.inputs.shape[1:],
        targets=kind_of(dataset),
        tokens=dataset.tokens,
    )
    return chosen, (dataset.train.targets, dataset.validation.targets, dataset.test.targets)


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
