"""Layers as they are often mistaken: the reference computes these too, so that a mistake is named.

A layer of the spec asks for one by a field `mistake`, which `benchbench.certify` alone adds. What
changes the order of steps or samples is only predicted with: its derivative is not written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from benchbench_numpy.layers.attention import Attention, Hidden
from benchbench_numpy.layers.average_pool import AveragePool, GlobalAverage
from benchbench_numpy.layers.convolution import Convolution
from benchbench_numpy.layers.dense import rows
from benchbench_numpy.layers.embedding import Embedding
from benchbench_numpy.layers.gru import GRU, thirds
from benchbench_numpy.layers.layer import Array
from benchbench_numpy.layers.lstm import LSTM
from benchbench_numpy.layers.max_pool import MaxPool
from benchbench_numpy.layers.probabilities import sigmoid, softmax
from benchbench_numpy.layers.recurrent import Recurrent
from benchbench_numpy.layers.windows import SYMMETRIC


class SoftmaxOverQueries(Attention):
    """What each place is given sums to 1, not what it takes."""

    axis = -2

    def share(self, likeness: Array) -> Array:
        return softmax(likeness.swapaxes(-1, -2)).swapaxes(-1, -2)


class MaskTransposed(Attention):
    """A place sees itself and what comes after it."""

    def hidden(self, steps: int) -> Hidden:
        return super().hidden(steps).T


class MaskInverted(Attention):
    """A place sees what comes after it; the last, which sees nothing, takes the mean of all."""

    least = -1e9

    def hidden(self, steps: int) -> Hidden:
        return ~super().hidden(steps)


class AttentionOverBatch(Attention):
    """The samples of a batch look at each other, place by place."""

    def forward(self, x: Array) -> Array:
        return _swapped(super().forward(_swapped(x)))


class PaddingCounted(AveragePool):
    """Divides by the size of the window, at the border too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._counts[...] = math.prod(self._windows.size)


class BorderRepeated(PaddingCounted):
    """Pads with the values of the border. It is only predicted with."""

    def forward(self, x: Array) -> Array:
        pads = ((0, 0), *self._windows.padding, (0, 0))
        corners = self._windows.corners(np.pad(x, pads, mode="edge"))
        return np.asarray(sum(corners) / self._counts, x.dtype)


class PaddedWithZero(MaxPool):
    """The padding is 0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self._padded is not None:
            self._padded[...] = 0


class GlobalMaximum(GlobalAverage):
    """The maximum over all places. It is only predicted with."""

    def forward(self, x: Array) -> Array:
        return x.max(axis=tuple(range(1, x.ndim - 1)))


class LastWins(Embedding):
    """The derivative of a row is that of the last place at which its token stands."""

    def backward_parameters(self, dy: Array) -> None:
        self._gradient[...] = 0
        for token, derivative in zip(self._tokens.ravel(), rows(dy), strict=True):
            self._gradient[token] = derivative


class Averaged(Embedding):
    """The derivative of a row is the mean over the places at which its token stands."""

    def backward_parameters(self, dy: Array) -> None:
        super().backward_parameters(dy)
        counts = np.bincount(self._tokens.ravel(), minlength=len(self._gradient))
        self._gradient /= np.maximum(counts, 1)[:, np.newaxis]


class RowZeroStays(Embedding):
    """Row 0 has no derivative."""

    def backward_parameters(self, dy: Array) -> None:
        super().backward_parameters(dy)
        self._gradient[0] = 0


class _FirstStep(Recurrent):
    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        return y if self._return_sequences else self._h[1]


class _Backwards(Recurrent):
    """Begins with the last step."""

    def forward(self, x: Array) -> Array:
        y = super().forward(x[:, ::-1])
        return y[:, ::-1] if self._return_sequences else y


class _OverBatch(Recurrent):
    """Goes from sample to sample of a batch."""

    def forward(self, x: Array) -> Array:
        every, self._return_sequences = self._return_sequences, True
        y = _swapped(super().forward(_swapped(x)))
        self._return_sequences = every
        return y if every else y[:, -1]


class _Detached(Recurrent):
    """No derivative passes from step to step."""

    def _return(self, dh: Array) -> tuple[Array, Array]:
        names = [name for name in ("_gates", "_h", "_c") if hasattr(self, name)]
        whole = {name: getattr(self, name) for name in names}
        parts = []
        for t in range(len(dh)):
            for name, array in whole.items():
                setattr(self, name, array[t : t + 1 if name == "_gates" else t + 2])
            parts.append(super()._return(dh[t : t + 1]))
        for name, array in whole.items():
            setattr(self, name, array)
        inward, onward = zip(*parts, strict=True)
        return np.concatenate(inward), np.concatenate(onward)


class LSTMDetached(_Detached, LSTM): ...


class GRUDetached(_Detached, GRU): ...


class LSTMOfFirstStep(_FirstStep, LSTM): ...


class LSTMBackwards(_Backwards, LSTM): ...


class LSTMOverBatch(_OverBatch, LSTM): ...


class GRUOfFirstStep(_FirstStep, GRU): ...


class GRUBackwards(_Backwards, GRU): ...


class GRUOverBatch(_OverBatch, GRU): ...


class GRUResetBefore(GRU):
    """n = tanh(a_n + (r h) @ recurrent_kernel_n + bias_n)."""

    def _go(self, driven: Array) -> None:
        gate_columns = 2 * self._units
        for t in range(len(driven)):
            h = self._h[t]
            a = thirds(driven[t] + self._bias[0])
            b = thirds(h @ self._recurrent + self._bias[1])
            z, r = sigmoid(a[:2] + b[:2])
            kept = (r * h) @ self._recurrent[:, gate_columns:] + self._bias[1, gate_columns:]
            self._h[t + 1] = z * h + (1 - z) * np.tanh(a[2] + kept)


def _swapped(x: Array) -> Array:
    return np.ascontiguousarray(x.swapaxes(0, 1))


# By the layer's name in a spec, and the mistake's.
MISTAKEN: Mapping[tuple[str, str], type[Any]] = MappingProxyType(
    {
        # Their windows lie elsewhere: see `windows_of`.
        ("Conv2D", SYMMETRIC): Convolution,
        ("AvgPool2D", SYMMETRIC): AveragePool,
        ("MaxPool2D", SYMMETRIC): MaxPool,
        ("AvgPool2D", "padding counted"): PaddingCounted,
        ("AvgPool2D", "border repeated"): BorderRepeated,
        ("MaxPool2D", "padded with 0"): PaddedWithZero,
        ("GlobalAvgPool2D", "maximum"): GlobalMaximum,
        ("MultiHeadAttention", "softmax over queries"): SoftmaxOverQueries,
        ("MultiHeadAttention", "mask transposed"): MaskTransposed,
        ("MultiHeadAttention", "mask inverted"): MaskInverted,
        ("MultiHeadAttention", "over the batch"): AttentionOverBatch,
        ("Embedding", "last occurrence"): LastWins,
        ("Embedding", "mean of occurrences"): Averaged,
        ("Embedding", "row 0 stays"): RowZeroStays,
        ("LSTM", "first step"): LSTMOfFirstStep,
        ("LSTM", "backwards"): LSTMBackwards,
        ("LSTM", "over the batch"): LSTMOverBatch,
        ("GRU", "first step"): GRUOfFirstStep,
        ("GRU", "backwards"): GRUBackwards,
        ("GRU", "over the batch"): GRUOverBatch,
        ("LSTM", "detached"): LSTMDetached,
        ("GRU", "detached"): GRUDetached,
        ("GRU", "reset before"): GRUResetBefore,
    }
)
