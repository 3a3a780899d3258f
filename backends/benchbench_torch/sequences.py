"""The layers of sequences as torch's modules, and where the spec's variables lie in them.

| layer | torch | what differs |
|---|---|---|
| Embedding | `nn.Embedding` | nothing |
| PositionEmbedding | a parameter | torch has no module for it |
| MultiHeadAttention | `nn.MultiheadAttention` | three kernels in one tensor, (out, in) |
| LSTM | `nn.LSTM` | two biases that are added: the second is 0 and stays so |
| GRU | `nn.GRU` | gates r, z, n, the spec's are z, r, n |

Sequences are (n, steps, features). Tokens lie in the range: the core has looked at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

import benchbench
from benchbench_torch.layout import Place

# Which of torch's gates each of the spec's is.
_GATES = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2)}

Places = list[list[Place]]


class Positions(nn.Module):
    """x plus a row for each step."""

    def __init__(self, steps: int, features: int) -> None:
        super().__init__()
        self.embeddings = nn.Parameter(torch.zeros(steps, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.embeddings


class SelfAttention(nn.Module):
    """`nn.MultiheadAttention` of a sequence to itself.

    The causal mask is torch's own, minus infinity above the diagonal. A mask of true and false
    would be converted with a warning.
    """

    def __init__(self, steps: int, features: int, *, heads: int, causal: bool) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(features, heads, batch_first=True)
        mask = nn.Transformer.generate_square_subsequent_mask(steps) if causal else None
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.inner(
            x, x, x, need_weights=False, attn_mask=self.mask, is_causal=self.mask is not None
        )
        return y


class Recurrent(nn.Module):
    """`nn.LSTM` or `nn.GRU` from a state of zeros; out comes every state, or the last."""

    def __init__(self, inner: nn.RNNBase, *, return_sequences: bool) -> None:
        super().__init__()
        self.inner = inner
        self._all = return_sequences

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.inner(x)[0]
        return states if self._all else states[:, -1]


def build(trace: benchbench.LayerTrace) -> tuple[nn.Module, Places]:
    """Return a layer's module, and of each of its variables the places. Raises Unsupported."""
    layer, shape = trace.layer, trace.input_shape
    match layer:
        case benchbench.Embedding():
            embedding = nn.Embedding(layer.vocabulary, layer.features)
            return embedding, [[_whole(embedding, "weight", trace.variables[0].shape)]]
        case benchbench.PositionEmbedding():
            positions = Positions(*shape)
            return positions, [[_whole(positions, "embeddings", shape)]]
        case benchbench.MultiHeadAttention():
            attention = SelfAttention(*shape, heads=layer.heads, causal=layer.causal)
            return attention, list(_attention(attention.inner, trace.variables))
        case benchbench.LSTM() | benchbench.GRU():
            kind = "LSTM" if isinstance(layer, benchbench.LSTM) else "GRU"
            inner: nn.RNNBase = getattr(nn, kind)(shape[1], layer.units, batch_first=True)
            if kind == "LSTM":
                # Trained too, it would move what is the spec's one bias twice as far.
                nn.init.zeros_(inner.get_parameter("bias_hh_l0")).requires_grad_(False)
            module = Recurrent(inner, return_sequences=layer.return_sequences)
            return module, list(_recurrent(inner, _GATES[kind], layer.units, trace.variables))
    raise benchbench.Unsupported(f"torch has no layer {type(layer).__name__}")


def _whole(module: nn.Module, name: str, shape: Sequence[int]) -> Place:
    same = tuple(shape)
    return Place(module, name, (same, tuple(range(len(same))), same))


def _attention(
    inner: nn.MultiheadAttention, variables: Sequence[benchbench.Variable]
) -> Iterator[list[Place]]:
    features, heads, size = variables[0].shape
    square = (features, features)
    for number in range(3):  # query, key, value
        rows = slice(number * features, (number + 1) * features)
        kernel = (features, heads, size), (1, 2, 0), square
        yield [Place(inner, "in_proj_weight", kernel, rows=rows)]
        bias = (heads, size), (0, 1), (features,)
        yield [Place(inner, "in_proj_bias", bias, rows=rows)]
    yield [Place(inner.out_proj, "weight", ((heads, size, features), (2, 0, 1), square))]
    yield [_whole(inner.out_proj, "bias", (features,))]


def _recurrent(
    inner: nn.RNNBase, gates: Sequence[int], units: int, variables: Sequence[benchbench.Variable]
) -> Iterator[list[Place]]:
    """Yield the places of kernel, recurrent kernel and bias, a gate each."""

    def gate(number: int) -> slice:
        return slice(number * units, (number + 1) * units)

    for variable, name in zip(variables, ("weight_ih_l0", "weight_hh_l0"), strict=False):
        rows = variable.shape[0]
        axes = (rows, units), (1, 0), (units, rows)
        yield [
            Place(inner, name, axes, block=(slice(None), gate(own)), rows=gate(other))
            for own, other in enumerate(gates)
        ]
    # The spec's bias of a GRU has two rows.
    biases: tuple[tuple[tuple[int, ...], str], ...] = (((), "bias_ih_l0"),)
    if len(variables[2].shape) > 1:
        biases = ((0,), "bias_ih_l0"), ((1,), "bias_hh_l0")
    flat = (units,), (0,), (units,)
    yield [
        Place(inner, name, flat, block=(*row, gate(own)), rows=gate(other))
        for row, name in biases
        for own, other in enumerate(gates)
    ]
