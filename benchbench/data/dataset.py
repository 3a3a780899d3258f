"""What a data set is once it has been found, verified and split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchbench.records import Standardization


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Samples and what is to be learnt of each.

    `inputs`: float32 (n, *input_shape); images, (n, height, width, channels), lie in [0, 1]. Or
    tokens, int32 (n, steps), from 0.
    `targets`: the numbers of classes from 0, int64 (n,), or (n, steps) where each position has one;
    or values, float32 (n, outputs). The loss of the protocol says which (`benchbench.spec.task`).
    Both are C-contiguous and read-only: every phase of a run sees the same arrays.
    """

    inputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Training, validation and test samples of one source.

    `sha256` identifies the content of all three splits, whatever container it came in; `source`
    says where it was found, for people. `classes` is the number of classes, None where the targets
    are none. `standardization` says how a table was scaled. `tokens` is how many different tokens
    the inputs may have, None for values; `characters` are those of a text, in the order of its
    tokens.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int | None
    sha256: str
    source: str
    standardization: Standardization | None = None
    tokens: int | None = None
    characters: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A data set that a plugin offers.

    `load(location)` returns the verified Dataset; `location` is a folder or file that the user
    named, or None for the plugin's own search. It raises `DataError` where there is none. Importing
    the plugin's module must not import anything heavy; `load` may.
    """

    name: str
    load: Callable[[Path | None], Dataset]
