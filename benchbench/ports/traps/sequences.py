"""Mistakes of recurrent layers and of attention, recognised by numbers: which form fits?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from benchbench.ports.report import Trap
from benchbench.ports.traps.elementwise import FITS, Values, sigmoid, softmax
from benchbench.ports.triple import relative

# Many steps add up.
_RECURRENT_FITS = 1e-4
_Gate = Callable[[Values], Values]
_Three = tuple[Values, Values, Values]
_GATES: dict[str, _Gate] = {
    "a hard sigmoid for its gates": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "the hard sigmoid of Keras 1 for its gates": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
}
# What each place sees, of so many steps.
_MASKS: dict[str, Callable[[int], npt.NDArray[np.bool_]]] = {
    "no mask": lambda steps: np.ones((steps, steps), bool),
    "a causal mask": lambda steps: np.tri(steps, dtype=bool),
    "a mask the wrong way round, which shows what follows": lambda steps: (
        np.tri(steps, dtype=bool).T
    ),
    "a mask the wrong way round, which shows only what follows": lambda steps: (
        ~np.tri(steps, dtype=bool)
    ),
    "a mask that hides the place itself": lambda steps: np.tri(steps, k=-1, dtype=bool),
}


@dataclass(frozen=True)
class _Form:
    """One way to compute a layer. `trap` is its name where it is not the usual one."""

    words: str
    trap: str
    answer: Callable[[], Values]


def of_lstm(x: Values, variables: _Three, a: Values, b: Values) -> Trap | None:
    """Return what A and B make of x with these kernel, recurrent kernel and bias."""
    return _of_forms(list(_lstm_forms(x, *variables)), a, b)


def of_gru(x: Values, variables: _Three, a: Values, b: Values) -> Trap | None:
    """Return what A and B make of x; a bias of one row belongs to the inputs."""
    kernel, recurrent, bias = variables
    rows = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return _of_forms(list(_gru_forms(x, kernel, recurrent, rows)), a, b)


def of_backward_end(kind: str, x: Values, variables: _Three, a: Values, b: Values) -> Trap | None:
    """Return that one takes the backward layer's state where it began: at the last step.

    `a` and `b` are what goes into the next layer: the states of both directions, side by side.
    """
    if a.shape != b.shape or a.ndim != 2:
        return None
    of_kind = {"LSTM": _lstm_forms, "GRU": _gru_forms}[kind]
    kernel, recurrent, bias = variables
    bias = np.stack([bias, np.zeros_like(bias)]) if kind == "GRU" and bias.ndim == 1 else bias
    ends = {}
    for words, steps in (("after all steps", x), ("after one step, the last", x[:, -1:])):
        for form in of_kind(steps, kernel, recurrent, bias):
            if form.trap == "steps backwards":
                ends[words] = form.answer()
    found = []
    for value in (a, b):
        parts = (value[:, : len(recurrent)], value[:, -len(recurrent) :])
        fits = (
            words
            for words, end in ends.items()
            if any(relative(part, end) < _RECURRENT_FITS for part in parts)
        )
        found.append(next(fits, ""))
    if not all(found) or found[0] == found[1]:
        return None
    return Trap(
        "last step of both directions",
        f"A takes the backward layer's state {found[0]}; B {found[1]}. Of a bidirectional layer's "
        f"outputs the last place holds the backward layer's first step; its last state is h_n in "
        f"torch, and what Keras returns",
    )


def of_attention(
    parts: _Three,
    a: Values,
    b: Values,
    project: Callable[[Values], Values] = lambda mixed: mixed,
) -> Trap | None:
    """Return what A and B do with queries, keys and values (batch, steps, features)."""
    query, key, value = parts
    if not query.shape == key.shape == value.shape or query.ndim != 3 or a.shape != b.shape:
        return None
    if a.ndim != query.ndim or a.shape[:2] != query.shape[:2]:
        return None
    left, right = (_attention(query, key, value, one, project) for one in (a, b))
    if (left is None) != (right is None):
        known = left or right
        words = f"{'A' if left else 'B'} has {known.words if known else ''}; the other's is none of"
        return Trap(
            "attention mask",
            f"{words} those known here: a mask that depends on the inputs, as one of padding does?",
        )
    if left is None or right is None or left == right:
        return None
    usual = all(
        one.scale == round((query.shape[-1] / one.heads) ** -0.5, 6) for one in (left, right)
    )
    trap = "attention"
    if left.heads != right.heads and usual:
        trap = "attention heads"
    elif left.scale != right.scale:
        trap = "attention scale missing" if 1.0 in {left.scale, right.scale} else "attention scale"
    elif left.mask != right.mask:
        trap = "causal mask"
    return Trap(trap, f"A has {left.words}; B has {right.words}")


def of_attention_layer(
    x: Values, variables: Mapping[str, Values], a: Values, b: Values
) -> Trap | None:
    """Return what A and B make of x, where `variables` are a MultiHeadAttention's by role."""

    def dense(values: Values, role: str) -> Values:
        found: Values = values @ variables[f"{role}_kernel"] + variables.get(f"{role}_bias", 0.0)
        return found

    parts = dense(x, "query"), dense(x, "key"), dense(x, "value")
    return of_attention(parts, a, b, lambda mixed: dense(mixed, "output"))


def _of_forms(forms: list[_Form], a: Values, b: Values) -> Trap | None:
    last_a, last_b = (one[:, -1] if one.ndim == 3 else one for one in (a, b))
    left, right = (_fitting(forms, one) for one in (last_a, last_b))
    if left is None or right is None or left is right:
        return None
    return Trap(right.trap or left.trap, f"A has {left.words}; B has {right.words}")


def _fitting(forms: list[_Form], out: Values) -> _Form | None:
    for form in forms:
        if relative(form.answer(), out) < _RECURRENT_FITS:
            return form
    return None


def _lstm_forms(x: Values, kernel: Values, recurrent: Values, bias: Values) -> Iterator[_Form]:
    def answer(
        order: tuple[int, ...] = (0, 1, 2, 3),
        shift: float = 0.0,
        gate: _Gate = sigmoid,
        backwards: bool = False,
    ) -> Callable[[], Values]:
        def compute() -> Values:
            hidden = np.zeros((len(x), recurrent.shape[0]))
            cell = np.zeros_like(hidden)
            for step in _steps(x, backwards):
                z = x[:, step] @ kernel + hidden @ recurrent + bias
                i, f, g, o = (np.split(z, 4, axis=-1)[place] for place in order)
                cell = gate(f + shift) * cell + gate(i) * np.tanh(g)
                hidden = gate(o) * np.tanh(cell)
            return hidden

        return compute

    yield _Form("gates i, f, g, o", "", answer())
    for order in permutations(range(4)):
        names = ", ".join("ifgo"[order.index(place)] for place in range(4))
        if order != (0, 1, 2, 3):
            yield _Form(f"gates {names}", "gate order", answer(order))
    for shift in (1.0, -1.0):
        words = f"{shift:+g} in the forget gate besides the bias"
        yield _Form(words, "forget bias", answer(shift=shift))
    for words, gate in _GATES.items():
        yield _Form(words, "gate activation", answer(gate=gate))
    yield _Form("the steps from the last to the first", "steps backwards", answer(backwards=True))


def _gru_forms(x: Values, kernel: Values, recurrent: Values, bias: Values) -> Iterator[_Form]:
    def answer(
        order: tuple[int, ...] = (0, 1, 2),
        *,
        reset_first: bool = False,
        swapped: bool = False,
        gate: _Gate = sigmoid,
        backwards: bool = False,
    ) -> Callable[[], Values]:
        def compute() -> Values:
            units = recurrent.shape[0]
            hidden = np.zeros((len(x), units))
            own = slice(order[2] * units, (order[2] + 1) * units)
            for step in _steps(x, backwards):
                of_input = np.split(x[:, step] @ kernel + bias[0], 3, axis=-1)
                of_state = np.split(hidden @ recurrent + bias[1], 3, axis=-1)
                z, r = (gate(of_input[place] + of_state[place]) for place in order[:2])
                product = r * of_state[order[2]]
                if reset_first:
                    product = (r * hidden) @ recurrent[:, own] + bias[1, own]
                n = np.tanh(of_input[order[2]] + product)
                kept = 1 - z if swapped else z
                hidden = kept * hidden + (1 - kept) * n
            return hidden

        return compute

    yield _Form("gates z, r, n", "", answer())
    for order in permutations(range(3)):
        names = ", ".join("zrn"[order.index(place)] for place in range(3))
        if order != (0, 1, 2):
            yield _Form(f"gates {names}", "gate order", answer(order))
    yield _Form(
        "the reset gate before the state's product", "GRU reset_after", answer(reset_first=True)
    )
    yield _Form("z and 1 - z exchanged", "update gate", answer(swapped=True))
    for words, gate in _GATES.items():
        yield _Form(words, "gate activation", answer(gate=gate))
    yield _Form("the steps from the last to the first", "steps backwards", answer(backwards=True))


def _steps(x: Values, backwards: bool) -> range:
    return range(x.shape[1] - 1, -1, -1) if backwards else range(x.shape[1])


@dataclass(frozen=True)
class _Attention:
    heads: int
    scale: float
    mask: str

    @property
    def words(self) -> str:
        return f"{self.heads} heads, scores times {self.scale:g}, {self.mask}"


def _attention(
    q: Values, k: Values, v: Values, out: Values, project: Callable[[Values], Values]
) -> _Attention | None:
    """Return the attention that fits."""
    batch, steps, features = q.shape
    for heads in (one for one in range(1, features + 1) if features % one == 0):
        size = features // heads
        split = [x.reshape(batch, steps, heads, size).transpose(0, 2, 1, 3) for x in (q, k, v)]
        for scale in (size**-0.5, 1.0, features**-0.5, 1 / size):
            scores = split[0] @ split[1].transpose(0, 1, 3, 2) * scale
            for words, mask in _MASKS.items():
                seen = mask(steps)
                rows = seen.any(-1)  # a place that sees nothing has no answer of its own
                masked = np.where(seen, scores, -1e30)
                made = (softmax(masked) @ split[2]).transpose(0, 2, 1, 3).reshape(q.shape)
                if relative(project(made)[:, rows], out[:, rows]) < FITS:
                    return _Attention(heads, round(scale, 6), words)
    return None
