"""A data set that has been chosen: where it is, and what is known before it is loaded."""

from __future__ import annotations

from benchbench.data.targets import TargetKind
from benchbench.records import DatasetChoice


class Chosen(DatasetChoice, frozen=True):
    """A choice, with what a person or a plan wants to know before anything is loaded.

    `note` is a sentence that says which data set was taken and why. `input_shape` is that of one
    sample, `targets` what is to be learnt of it; null where nobody has looked, or where the model
    settles it. `tokens` is how many different tokens the inputs have, null for values; `length` is
    that of a text. `unit_inputs`: whether all inputs lie from 0 to 1; null where images do and
    nothing else does.
    """

    note: str = ""
    input_shape: tuple[int, ...] | None = None
    targets: TargetKind | None = None
    tokens: int | None = None
    length: int | None = None
    unit_inputs: bool | None = None
