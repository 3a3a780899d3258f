"""Any data set with its inputs as the targets: `mnist:autoencoder`."""

from __future__ import annotations

import dataclasses
import hashlib
import math

import msgspec

from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, Split
from benchbench.data.names import AUTOENCODER
from benchbench.data.targets import TargetKind
from benchbench.errors import UsageError


def choose(chosen: Chosen) -> Chosen:
    """Return the choice of the same inputs as targets.

    Raises UsageError for tokens, and for what is drawn for a model.
    """
    shape = chosen.input_shape
    if chosen.tokens is not None:
        raise UsageError(
            f"the inputs of '{chosen.name}' are tokens, which no network gives back as values: "
            f"leave '{AUTOENCODER}' out; a model with an output at each step learns the next token"
        )
    if chosen.sha256 is None or shape is None:
        raise UsageError(
            f"'{chosen.name}' has the targets that a model asks for: leave '{AUTOENCODER}' out"
        )
    # Images lie from 0 to 1; the columns of a table do not.
    unit = len(shape) == 3 if chosen.unit_inputs is None else chosen.unit_inputs
    targets = TargetKind((math.prod(shape),), values=True, unit=unit)
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

    return dataclasses.replace(
        dataset,
        name=name,
        train=own(dataset.train),
        validation=own(dataset.validation),
        test=own(dataset.test),
        classes=None,
        sha256=_sha256(dataset.sha256),
        source=f"{dataset.source}, the inputs as targets",
    )


def _sha256(sha256: str) -> str:
    return hashlib.sha256(f"inputs as targets of {sha256}\n".encode()).hexdigest()
