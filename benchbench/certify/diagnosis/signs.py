"""What an optimizer's file looks for in a differing update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from benchbench.certify.rows import Row
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True, slots=True)
class Update:
    """An update of all variables, each side's as one row; `weights` before it, where known.

    `first`: it is of a first step.
    """

    model: ModelSpec
    protocol: TrainingProtocol
    expected: Row
    observed: Row
    weights: Row | None
    first: bool


Sign: TypeAlias = Callable[[Update], str | None]


def _none(_update: Update) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Signs:
    """Three looks at an update: each says what it recognises, or None.

    More or fewer steps than batches; weights that shrink; a difference where gradients are small.
    """

    steps: Sign = _none
    decay: Sign = _none
    small_gradients: Sign = _none
