"""Usual mistakes of layers of sequences that no spec can say: the reference makes them on purpose.

Each is a layer of the spec with a field `mistake` more, which the float64 reference alone knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from benchbench.spec.layers import GRU, LSTM, Embedding, Layer, MultiHeadAttention

Change: TypeAlias = Callable[[Layer], Layer]


class MistakenEmbedding(Embedding, frozen=True, tag="Embedding"):
    mistake: str = ""


class MistakenAttention(MultiHeadAttention, frozen=True, tag="MultiHeadAttention"):
    mistake: str = ""


class MistakenLSTM(LSTM, frozen=True, tag="LSTM"):
    mistake: str = ""


class MistakenGRU(GRU, frozen=True, tag="GRU"):
    mistake: str = ""


_KINDS: MappingProxyType[type[Any], type[Any]] = MappingProxyType(
    {
        Embedding: MistakenEmbedding,
        MultiHeadAttention: MistakenAttention,
        LSTM: MistakenLSTM,
        GRU: MistakenGRU,
    }
)


def with_mistake(kind: type[Any], mistake: str) -> Change:
    """Return what makes each layer of this kind mistaken, and leaves the others."""

    def change(layer: Layer) -> Layer:
        if type(layer) is not kind:
            return layer
        mistaken: Layer = _KINDS[kind](**msgspec.structs.asdict(layer), mistake=mistake)
        return mistaken

    return change


def _masked(mistake: str) -> Change:
    """Return what makes each causal attention mistaken."""
    mistaken = with_mistake(MultiHeadAttention, mistake)
    return lambda layer: mistaken(layer) if getattr(layer, "causal", False) else layer


def _causal(causal: bool) -> Change:
    def change(layer: Layer) -> Layer:
        if isinstance(layer, MultiHeadAttention):
            return msgspec.structs.replace(layer, causal=causal)
        return layer

    return change


def of_functions() -> Iterator[tuple[str, Change]]:
    """Yield in words, with the layers that make them, mistakes that show in predictions."""
    yield "the causal mask is missing: a place sees those after it", _causal(False)
    yield "attention is causal, which the spec's is not: there is a mask too many", _causal(True)
    yield (
        "the causal mask is transposed: a place sees those from it on, not those up to it",
        _masked("mask transposed"),
    )
    yield (
        "the causal mask is inverted: what should be seen is hidden (True is blocked in "
        "torch.nn.MultiheadAttention, seen in Keras and Flax)",
        _masked("mask inverted"),
    )
    yield (
        "the softmax of attention runs over the wrong axis: over the places that look, not over "
        "those that are seen",
        with_mistake(MultiHeadAttention, "softmax over queries"),
    )


def of_orders() -> Iterator[tuple[str, Change]]:
    """Yield mistakes of which samples or steps come after which, and of the GRU's reset gate."""
    yield (
        "attention runs over the samples of the batch, not over the steps (torch's batch_first is "
        "false by default)",
        with_mistake(MultiHeadAttention, "over the batch"),
    )
    for kind in (LSTM, GRU):
        name = kind.__name__
        yield (
            f"the {name} runs over the samples of the batch, not over the steps (torch's "
            f"batch_first is false by default)",
            with_mistake(kind, "over the batch"),
        )
        yield (
            f"the {name} gives its first step, not its last: are the axes of batch and time "
            f"confused?",
            with_mistake(kind, "first step"),
        )
        yield f"the {name} begins with the last step", with_mistake(kind, "backwards")
    yield (
        "the GRU's reset gate acts before the product with the recurrent kernel, as Keras's "
        "reset_after=False has it; it belongs after it: n = tanh(a_n + r b_n)",
        with_mistake(GRU, "reset before"),
    )


def of_derivatives() -> Iterator[tuple[str, Change]]:
    """Yield mistakes that show in updates alone."""
    yield (
        "the gradients of an Embedding are not summed: of a token that stands at several places "
        "the last one counts alone",
        with_mistake(Embedding, "last occurrence"),
    )
    yield (
        "the gradients of an Embedding are averaged over the places of a token, not summed",
        with_mistake(Embedding, "mean of occurrences"),
    )
    for kind in (LSTM, GRU):
        yield (
            f"no derivative passes from step to step of the {kind.__name__}: is the state "
            f"detached?",
            with_mistake(kind, "detached"),
        )
    yield (
        "row 0 of an Embedding is not trained, as with torch's padding_idx=0",
        with_mistake(Embedding, "row 0 stays"),
    )
