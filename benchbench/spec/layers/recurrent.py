"""Recurrent layers: a state that goes from step to step of a sequence, from zeros."""

from __future__ import annotations

from typing import ClassVar

from benchbench.spec.layers.layer import BaseLayer, Count, call_text, sequence
from benchbench.spec.variables import InitializerName, Shape, Variable


class _Recurrent(BaseLayer, frozen=True):
    original_fields: ClassVar = ("units", "return_sequences")
    gates: ClassVar[int]
    biases: ClassVar[int]
    bias_initializer: ClassVar[InitializerName]

    units: Count
    return_sequences: bool = False

    def output_shape(self, input_shape: Shape) -> Shape:
        steps, _ = sequence(type(self).__name__, input_shape)
        return (steps, self.units) if self.return_sequences else (self.units,)

    def mended_shape(self, input_shape: Shape) -> Shape | None:
        return None if self.return_sequences else (self.units,)

    def variables(self, input_shape: Shape) -> tuple[Variable, ...]:
        columns = self.gates * self.units
        bias = (columns,) if self.biases == 1 else (self.biases, columns)
        return (
            Variable("kernel", (input_shape[1], columns), "glorot_uniform"),
            Variable("recurrent_kernel", (self.units, columns), "orthogonal"),
            Variable("bias", bias, self.bias_initializer),
        )

    def count_formula(self, input_shape: Shape) -> str:
        rows = f"{input_shape[1]} + {self.units} + {self.biases}"
        return f"{self.gates}*{self.units}*({rows})"

    def forward_flops(self, input_shape: Shape) -> int:
        steps, features = input_shape
        return steps * self.gates * self.units * (2 * (features + self.units) + self.biases)

    def describe(self) -> str:
        every = "every step" if self.return_sequences else ""
        return call_text(type(self).__name__, str(self.units), every)


class LSTM(_Recurrent, frozen=True, tag="LSTM"):
    """Long short-term memory: (steps, features) to (units,), or (steps, units) of all steps.

    With u units, from h = c = 0, at each step:

        z = x @ kernel + h @ recurrent_kernel + bias, whose quarters are i, f, g, o in this order
        c = sigmoid(f) c + sigmoid(i) tanh(g)
        h = sigmoid(o) tanh(c)

    Variables: kernel (features, 4u), recurrent_kernel (u, 4u), bias (4u,), at first 1 for f and
    else 0. `return_sequences` gives h of every step, else of the last.
    Source: Gers, Schmidhuber and Cummins, Neural Computation 12, 2000; order of gates as Keras.
    """

    gates: ClassVar = 4
    biases: ClassVar = 1
    bias_initializer: ClassVar = "ones_of_second_quarter"


class GRU(_Recurrent, frozen=True, tag="GRU"):
    """Gated recurrent unit: (steps, features) to (units,), or (steps, units) of all steps.

    With u units, from h = 0, at each step, the thirds of both products being z, r, n in this order:

        a = x @ kernel + bias[0],  b = h @ recurrent_kernel + bias[1]
        z = sigmoid(a_z + b_z),  r = sigmoid(a_r + b_r),  n = tanh(a_n + r b_n)
        h = z h + (1 - z) n

    Variables: kernel (features, 3u), recurrent_kernel (u, 3u), bias (2, 3u).
    `return_sequences` gives h of every step, else of the last.
    Source: Cho et al., EMNLP 2014, in the form of cuDNN, which is Keras's `reset_after=True`.
    """

    gates: ClassVar = 3
    biases: ClassVar = 2
    bias_initializer: ClassVar = "zeros"
