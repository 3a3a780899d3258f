"""Variables that the loss does not depend on: a bias before a BatchNorm, attention's key bias.

A bias before a BatchNorm moves the mean that this takes out again; the key's bias adds the same to
all likenesses of a place, which a softmax does not see. The gradient is zero, and rounding alone
leaves something of it, of which Adam makes whole steps. Two right implementations part there, and
in the moving mean that follows such a bias; nowhere else. So these variables are found, by the
float64 reference's own gradients, left out of the comparison of updates, and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import Exercise
from benchbench.certify.rows import Row, as_row
from benchbench.certify.rules import mask
from benchbench.data.dataset import Split
from benchbench.spec.layers import BatchNorm, MultiHeadAttention
from benchbench.spec.model import ModelSpec
from benchbench.spec.variables import Variable

# Rounding of float64 leaves some 1e-16 of the other gradients; what is learnt has far more.
_ZERO = 1e-11
# About what Adam moves a bias by in a few steps, and what of it shows in a state that follows.
_OFFSET = 1e-2
_FOLLOWS = 1e-7
_DRAWS = range(3)
_FLAGS = ("silent", "followers")

Descend = Callable[[Row, Split], Row]


def may_have_silent(model: ModelSpec) -> bool:
    """Say whether the model has a layer that can hide a variable from the loss."""
    return any(isinstance(leaf.layer, BatchNorm | MultiHeadAttention) for leaf in model.leaves())


def find_silent(exercise: Exercise, descend: Descend) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the variables of zero gradient, and of the state that follows them.

    `descend(weights, batch)` returns the negative gradient, and the change of what is not trained.
    """
    model = exercise.model
    slices = variable_slices(model.variables)
    batch = exercise.batch
    silent: set[str] | None = None
    for draw in _DRAWS:
        gradient = descend(as_row(exercise.fresh(draw)), batch)
        sizes = {
            variable.name: float(np.abs(gradient[part]).max())
            for variable, part in zip(model.variables, slices, strict=True)
            if variable.trainable
        }
        most = max(sizes.values())
        now = {name for name, size in sizes.items() if size <= _ZERO * most}
        silent = now if silent is None else silent & now
    return frozenset(silent or ()), _followers(exercise, descend, silent or ())


def _followers(exercise: Exercise, descend: Descend, silent: Iterable[str]) -> frozenset[str]:
    model = exercise.model
    names = set(silent)
    if not names:
        return frozenset()
    slices = variable_slices(model.variables)
    weights = as_row(exercise.fresh())
    moved = weights.copy()
    random = np.random.default_rng(0)
    for variable, part in zip(model.variables, slices, strict=True):
        if variable.name in names:
            moved[part] += random.choice([-_OFFSET, _OFFSET], variable.count)
    before, after = (descend(row, exercise.batch) for row in (weights, moved))
    return frozenset(
        variable.name
        for variable, part in zip(model.variables, slices, strict=True)
        if not variable.trainable
        and np.abs(after[part] - before[part]).max() > _FOLLOWS * np.abs(before[part]).max()
    )


def variable_slices(variables: Iterable[Variable]) -> list[slice]:
    """Return where each variable lies in the row of all values."""
    slices, start = [], 0
    for variable in variables:
        slices.append(slice(start, start + variable.count))
        start += variable.count
    return slices


def counted(model: ModelSpec, left_out: frozenset[str]) -> npt.NDArray[np.bool_]:
    """Return which values of the row of all variables count."""
    return mask(model, lambda variable: variable.name not in left_out).astype(np.bool_)


def without_text(names: frozenset[str]) -> str:
    """Return in words what is not compared; empty where all is."""
    if not names:
        return ""
    return f"; the loss does not depend on {', '.join(sorted(names))}: not compared"


def as_flags(
    model: ModelSpec, sets: tuple[frozenset[str], frozenset[str]]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return two sets of variables as arrays, a flag a variable, that can be kept in a file."""
    names = [variable.name for variable in model.variables]
    return {
        key: np.array([name in found for name in names])
        for key, found in zip(_FLAGS, sets, strict=True)
    }


def from_flags(
    model: ModelSpec, flags: Mapping[str, npt.NDArray[np.bool_]]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the sets of variables: the reverse of `as_flags`."""
    names = [variable.name for variable in model.variables]
    silent, followers = (
        frozenset(name for name, flag in zip(names, flags[key], strict=True) if flag)
        for key in _FLAGS
    )
    return silent, followers
