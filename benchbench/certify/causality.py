"""Does a prediction hang on what comes after it? Where the spec is causal, none may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchbench.certify.exercise import relative_difference
from benchbench.spec.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNorm,
    Concat,
    Dense,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    MultiHeadAttention,
    PositionEmbedding,
    Residual,
    chains_of,
)
from benchbench.spec.model import ModelSpec

# What computes each place from itself alone, in evaluation.
_PLACEWISE = (Activation, BatchNorm, Dense, Dropout, Embedding, LayerNorm, PositionEmbedding)

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Leak:
    """How far predictions move by what comes after them, relative to their size; in words."""

    size: float
    words: str


def is_causal(model: ModelSpec) -> bool:
    """Say whether each prediction is one of a place, and hangs on nothing that comes after it."""
    steps = model.input_shape[0]
    return (
        len(model.output_shape) > 1
        and steps > 1
        and model.vocabulary != 1
        and all(map(_is_causal, model.layers))
        and any(isinstance(leaf.layer, MultiHeadAttention | LSTM | GRU) for leaf in model.leaves())
    )


def _is_causal(layer: Layer) -> bool:
    match layer:
        case MultiHeadAttention():
            return layer.causal
        case LSTM() | GRU():
            return layer.return_sequences
        case Residual() | Concat():
            return all(_is_causal(one) for _, chain in chains_of(layer) for one in chain)
    return isinstance(layer, _PLACEWISE)


def find_leak(model: ModelSpec, predict: Callable[[Values], Values], inputs: Values) -> Leak:
    """Change the inputs from a place on, and look at the predictions before it: the largest move.

    `inputs` are (n, steps, ...).
    """
    steps = inputs.shape[1]
    expected = predict(inputs)
    found = Leak(0.0, "")
    for place in sorted({1, steps // 2, steps - 1}):
        before = predict(_changed(model, inputs, range(place, steps)))[:, :place]
        moved = relative_difference(before, expected[:, :place])
        if not moved <= found.size:
            words = (
                f"predictions before place {place} (from 0) move by {moved:.1e} where inputs from "
                f"it on change"
            )
            found = Leak(moved, words)
    if not found.words:
        return found
    last = predict(_changed(model, inputs, range(1)))[:, -1]
    blind = relative_difference(last, expected[:, -1]) == 0
    why = "the causal mask is transposed" if blind else "the causal mask is missing, or not of -inf"
    return Leak(found.size, f"{found.words}: a place sees what comes after it: {why}")


def _changed(model: ModelSpec, inputs: Values, places: Sequence[int]) -> Values:
    """Return the inputs with others at these places: another token, or values of the other sign."""
    changed = inputs.copy()
    part = changed[:, list(places)]
    if model.vocabulary is not None:
        part = (part + 1) % model.vocabulary
    else:
        part = np.roll(part, 1, axis=-1) - np.float32(1)
    changed[:, list(places)] = part
    return changed
