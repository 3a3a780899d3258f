"""Any data set with its inputs as the targets: `mnist:autoencoder`."""

from __future__ import annotations

import hashlib
import math

import msgspec

from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, Split
from benchbench.data.targets import TargetKind
from benchbench.errors import UsageError

# What a name ends in that asks for the inputs as targets.
AUTOENCODER = ":autoencoder"


def choose(chosen: Chosen) -> Chosen:
    """Return the choice of the same inputs as targets. Raises UsageError for `synthetic`."""
    shape = chosen.input_shape
    if chosen.sha256 is None or shape is None:
        raise UsageError(
            f"'{chosen.name}' has the targets that a model asks for: leave '{AUTOENCODER}' out"
        )
    # Images lie from 0 to 1; the columns of a table do not.
    targets = TargetKind((math.prod(shape),), values=True, unit=len(shape) == 3)
    return msgspec.structs.replace(
        chosen,
        name=chosen.name + AUTOENCODER,
        sha256=_sha256(chosen.sha256),
        note=f"{chosen.note}; the inputs are the targets",
        targets=targets,
        autoencoder=True,
        remarks=(),
    )


def make(dataset: Dataset, name: str) -> Dataset:
    """Return the data set with each sample's inputs, as a row, as its targets."""

    def own(split: Split) -> Split:
        return Split(split.inputs, split.inputs.reshape(len(split), -1))

    return Dataset(
        name=name,
        train=own(dataset.train),
        validation=own(dataset.validation),
        test=own(dataset.test),
        classes=None,
        sha256=_sha256(dataset.sha256),
        source=f"{dataset.source}, the inputs as targets",
        standardization=dataset.standardization,
    )


def _sha256(sha256: str) -> str:
    return hashlib.sha256(f"inputs as targets of {sha256}\n".encode()).hexdigest()
