"""Usual mistakes of layers of sequences, as other weights with which the right code makes them."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from benchbench.certify.mistaken_windows import multiplier_first
from benchbench.certify.rows import Arrays
from benchbench.spec.layers import (
    GRU,
    LSTM,
    Conv2D,
    Embedding,
    MultiHeadAttention,
    PositionEmbedding,
)
from benchbench.spec.model import LayerTrace, ModelSpec
from benchbench.spec.variables import Variable

Values: TypeAlias = npt.NDArray[Any]
# What a variable of a layer becomes.
WeightChange: TypeAlias = Callable[[LayerTrace, Variable, Values], Values]

_GATES = {LSTM: "ifgo", GRU: "zrn"}
# Who has another order of gates.
_OWNERS = {
    "iofg": ", which is ONNX's order",
    "igfo": ", which is TensorFlow 1's order",
    "rzn": ", which is torch's order",
}


def mistaken_weights(model: ModelSpec, weights: Arrays) -> Iterator[tuple[str, Arrays]]:
    """Yield in words, with the weights that make them, mistakes of layers of sequences."""
    owners = [(leaf, variable) for leaf in model.leaves() for variable in leaf.variables]
    kinds = {type(leaf.layer) for leaf, _ in owners}
    for kind, words, change in _changes():
        if kind not in kinds:
            continue
        yield (
            words,
            [
                np.ascontiguousarray(change(leaf, variable, np.asarray(array)))
                if isinstance(leaf.layer, kind)
                else array
                for (leaf, variable), array in zip(owners, weights, strict=True)
            ],
        )


def _changes() -> Iterator[tuple[type[Any], str, WeightChange]]:
    for kind, words, change in itertools.chain(_of_embeddings(), _of_attention(), _of_places()):
        yield kind, words, change
    yield (
        Conv2D,
        "the filters of a convolution in groups lie multiplier first, (m, c), not channel first",
        multiplier_first,
    )
    for kind in (LSTM, GRU):
        yield from _of_gates(kind)
    for sign, words in (
        (1, "1 is added to the forget gate as it runs (TensorFlow 1's forget_bias): it is in the "
            "bias already"),
        (-1, "the forget gate is without the 1 that is in its bias"),
    ):  # fmt: skip
        yield LSTM, words, _with_forget_bias(sign)
    yield (
        GRU,
        "the GRU's z and 1 - z are swapped: h = (1 - z) h + z n",
        _with_blocks(3, lambda blocks: [-blocks[0], *blocks[1:]]),
    )
    yield (
        GRU,
        "the GRU has one bias for two: the recurrent one, bias[1], is not added (Flax's GRUCell "
        "has none)",
        _biases(lambda first, second: (first, 0 * second)),
    )
    yield GRU, "the GRU's input bias, bias[0], is not added", _biases(lambda a, b: (0 * a, b))
    yield (
        GRU,
        "the GRU's recurrent bias is added outside the reset gate: n = tanh(a_n + b1 + r (h R))",
        _biases(_outside),
    )


def _of_gates(kind: type[Any]) -> Iterator[tuple[type[Any], str, WeightChange]]:
    right = _GATES[kind]
    for order in itertools.permutations(right):
        name = "".join(order)
        if name == right:
            continue
        places = [order.index(gate) for gate in right]
        words = (
            f"the gates of the {kind.__name__} lie in the order {', '.join(order)}"
            f"{_OWNERS.get(name, '')}; the spec's is {', '.join(right)}"
        )
        yield (
            kind,
            words,
            _with_blocks(len(right), functools.partial(_in_order, places)),
        )


def _in_order(places: list[int], blocks: list[Values]) -> list[Values]:
    return [blocks[place] for place in places]


def _with_blocks(count: int, rearrange: Callable[[list[Values]], list[Values]]) -> WeightChange:
    def change(_leaf: LayerTrace, variable: Variable, array: Values) -> Values:
        return np.concatenate(rearrange(np.split(array, count, axis=-1)), axis=-1)

    return change


def _with_forget_bias(sign: int) -> WeightChange:
    def change(_leaf: LayerTrace, variable: Variable, array: Values) -> Values:
        if variable.role != "bias":
            return array
        units = len(array) // 4
        of_forget = np.arange(len(array)) // units == 1
        return np.asarray(array + sign * of_forget)

    return change


def _biases(rule: Callable[[Values, Values], tuple[Values, Values]]) -> WeightChange:
    def change(_leaf: LayerTrace, variable: Variable, array: Values) -> Values:
        return np.stack(rule(*array)) if variable.role == "bias" else array

    return change


def _outside(first: Values, second: Values) -> tuple[Values, Values]:
    new = np.arange(len(first)) >= len(first) * 2 // 3
    return first + new * second, np.where(new, 0, second)


def _of_attention() -> Iterator[tuple[type[Any], str, WeightChange]]:
    def scaled(factor: Callable[[int, int], float]) -> WeightChange:
        def change(_leaf: LayerTrace, variable: Variable, array: Values) -> Values:
            return (
                array * factor(*array.shape[-2:])
                if variable.role in {"query_kernel", "query_bias"}
                else array
            )

        return change

    for words, factor in (
        (
            "the likeness of attention is not scaled by 1 / sqrt(size of a head)",
            lambda _, size: math.sqrt(size),
        ),
        (
            "the likeness of attention is scaled by 1 / sqrt(features), not by 1 / sqrt(size of a "
            "head)",
            lambda heads, _: 1 / math.sqrt(heads),
        ),
        (
            "the likeness of attention is scaled by 1 / size of a head, not by its root",
            lambda _, size: 1 / math.sqrt(size),
        ),
    ):
        yield MultiHeadAttention, words, scaled(factor)
    yield (
        MultiHeadAttention,
        "the features are split into heads as (size, heads), not as (heads, size)",
        _split_otherwise,
    )


def _split_otherwise(_leaf: LayerTrace, variable: Variable, array: Values) -> Values:
    if variable.role == "output_bias":
        return array
    if variable.role == "output_kernel":
        heads, size, features = array.shape
        return array.reshape(size, heads, features).swapaxes(0, 1)
    *before, heads, size = array.shape
    return array.reshape(*before, size, heads).swapaxes(-1, -2)


def _of_embeddings() -> Iterator[tuple[type[Any], str, WeightChange]]:
    def scaled(_leaf: LayerTrace, variable: Variable, array: Values) -> Values:
        return array * math.sqrt(variable.shape[1])

    yield (
        Embedding,
        'the embeddings are multiplied by sqrt(features), as in "Attention is all you need"',
        scaled,
    )


def _of_places() -> Iterator[tuple[type[Any], str, WeightChange]]:
    for words, moved in (
        ("the positions are not added", lambda rows: 0 * rows),
        (
            "the positions are shifted by one: place t has the row of place t + 1",
            lambda rows: np.roll(rows, -1, axis=0),
        ),
        (
            "the positions are shifted by one, the last row taken twice",
            lambda rows: np.concatenate([rows[1:], rows[-1:]]),
        ),
        (
            "the positions are shifted by one: place t has the row of place t - 1",
            lambda rows: np.roll(rows, 1, axis=0),
        ),
        (
            "the positions are shifted by one, the first row taken twice",
            lambda rows: np.concatenate([rows[:1], rows[:-1]]),
        ),
        ("the positions run from the last to the first", lambda rows: rows[::-1]),
        ("every place has the row of place 0", lambda rows: np.repeat(rows[:1], len(rows), 0)),
        ("the positions are added twice", lambda rows: 2 * rows),
    ):
        yield (
            PositionEmbedding,
            words,
            functools.partial(_moved, moved),
        )


def _moved(
    moved: Callable[[Values], Values], _leaf: LayerTrace, _variable: Variable, array: Values
) -> Values:
    return moved(array)
