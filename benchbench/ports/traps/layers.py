"""What a difference at a layer looks like: inside of it, before it, or of a side by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchbench.plugins.ports import PortBlock
from benchbench.ports import layer_settings
from benchbench.ports.evidence import PortEvidence
from benchbench.ports.messages import NamedArrays
from benchbench.ports.network import Network
from benchbench.ports.report import Trap
from benchbench.ports.traps import functions, sequences, settings
from benchbench.ports.traps.elementwise import FITS
from benchbench.ports.triple import Triple, relative

_Values = npt.NDArray[np.float64]
_RECURRENT = {"LSTM": sequences.of_lstm, "GRU": sequences.of_gru}
_RECURRENT_ROLES = ("kernel", "recurrent_kernel", "bias")
_ATTENTION = "MultiHeadAttention"
_IMAGE = 4


def inside(
    evidence: PortEvidence, trace: str, pair: tuple[str, str], one: Triple
) -> tuple[Trap | None, str]:
    """Return why layers answer the same inputs otherwise."""
    a, b = evidence.a.block(pair[0]), evidence.b.block(pair[1])
    trap = _of_padding_before(evidence, trace, pair)
    trap = trap or layer_settings.of_kinds(a, b) or layer_settings.of_layers(a, b)
    trap = trap or functions.of_precision(one.own, one.other)
    ends = one.exact.astype(np.float64), one.other.astype(np.float64)
    trap = trap or _of_recurrent(evidence, trace, (a, b), ends)
    trap = trap or _of_attention(evidence, trace, (a, b), ends)
    trap = trap or settings.of_masking(evidence.a.blocks, evidence.b.blocks)
    return trap, "what goes into it agrees, what comes out does not"


def between(
    evidence: PortEvidence, trace: str, pair: tuple[str, str], one: Triple
) -> tuple[Trap | None, str]:
    """Return what happens otherwise on the way into a layer."""
    exact = evidence.traces[0]
    a, b = one.exact.astype(np.float64), one.other.astype(np.float64)
    trap = _of_axes(evidence, pair, a, b)
    for earlier in _earlier(evidence, pair[0], trace):
        trap = trap or functions.of_function(earlier, a, b)
    trap = trap or _of_last_states(evidence, trace, pair[0], (a, b))
    for earlier in _earlier(evidence, pair[0], trace):
        named = ((n.partition(":")[2], v) for n, v in exact.items() if f"{trace}:" in n)
        trap = trap or functions.of_shortcut(earlier, a, b, named)
    if trap is None:
        known = (
            (n.partition(":")[2], v) for n, v in exact.items() if n[:3] in {f"in{trace}", "out"}
        )
        trap = functions.of_residual(a, b, ((n, v) for n, v in known if v.shape == a.shape))
    if trap is None:
        parts = _attention_parts(evidence, trace, pair[0])
        trap = sequences.of_attention(parts, a, b) if parts else None
    trap = trap or _of_backward_end(evidence, trace, pair[0], (a, b))
    trap = trap or _of_calls(evidence, pair)
    trap = trap or functions.of_order(a, b) or functions.of_precision(one.own, one.other)
    trap = trap or settings.of_masking(evidence.a.blocks, evidence.b.blocks)
    return trap, "what goes into it differs already, and all layers before agree"


def _of_last_states(
    evidence: PortEvidence, trace: str, name: str, ends: tuple[_Values, _Values]
) -> Trap | None:
    """Return what each makes of its own output, where one gives all steps and one the last."""
    order = [one.name for one in evidence.a.blocks]
    before = order[max(0, order.index(name) - 1)]
    twins = [own for own, other in evidence.pairing.blocks.items() if other == before]
    a = evidence.traces[0].get(f"out{trace}:{before}")
    b = evidence.traces[2].get(f"out{trace}:{twins[0]}") if twins else None
    if a is None or b is None or {a.ndim, b.ndim} != {2, 3}:
        return None
    return functions.of_function(a.astype(np.float64), *ends, of_b=b.astype(np.float64))


def _of_padding_before(evidence: PortEvidence, trace: str, pair: tuple[str, str]) -> Trap | None:
    """Return that one adds as many zeros on both sides of an image before the layer."""
    a = evidence.traces[0].get(f"in{trace}:{pair[0]}")
    b = evidence.traces[2].get(f"in{trace}:{pair[1]}")
    if a is None or b is None or not a.ndim == b.ndim == _IMAGE:
        return None
    for label, small, large in (("B", a, b), ("A", b, a)):
        added = large.shape[1] - small.shape[1]
        inside = large[:, added // 2 : -(added // 2) or None, added // 2 : -(added // 2) or None]
        if added > 0 and not added % 2 and relative(inside, small) < FITS:
            words = (
                f"{label} adds {added // 2} on both sides before the layer; 'same' with strides "
                f"pads more at the end"
            )
            return Trap("symmetric padding", words)
    return None


def of_company(side: Network, output: npt.NDArray[np.generic]) -> Trap:
    """Return why a side answers a sample otherwise alone than in a batch."""
    values = output.astype(np.float64)
    for shares in (values, np.exp(np.minimum(values, 1.0))):
        if len(values) > 1 and np.allclose(shares.sum(0), 1, atol=1e-4) and (shares >= 0).all():
            words = (
                f"the outputs of {side.label} sum to one over the samples of a batch, not over the "
                f"classes: its softmax has the wrong axis (dim=0)"
            )
            return Trap("softmax over the batch", words)
    words = (
        f"{side.label} answers a sample otherwise alone than in a batch: statistics of the batch "
        f"in evaluation, or time and batch axes swapped"
    )
    batched = any(one.settings.get("batch_first") is False for one in side.blocks)
    return Trap("batch_first" if batched else "batch statistics at evaluation", words)


def of_not_finite(evidence: PortEvidence) -> tuple[str, Trap | None]:
    """Return the layer at which B's numbers are no numbers any more, and why."""
    answered = evidence.traces[2]
    before = ""
    for block in evidence.b.blocks:
        name = block.name
        if f"in0:{name}" not in answered:
            continue
        if not np.isfinite(answered[f"in0:{name}"]).all():
            trap = _no_place if _has_parts(evidence, name) else None
            return f"between {before or 'the input'} and {name}", trap
        out = answered.get(f"out0:{name}")
        if out is not None and not np.isfinite(out).all():
            return name, _no_place if block.kind == _ATTENTION else None
        before = name
    return "output", None


_no_place = Trap(
    "causal mask",
    "a place whose mask shows it no place at all has no softmax: in torch True hides a place, in "
    "Keras and Flax True shows it",
)


def _of_axes(evidence: PortEvidence, pair: tuple[str, str], a: _Values, b: _Values) -> Trap | None:
    """Return that steps and samples are exchanged in a layer that takes the steps first."""
    blocks = evidence.a.block(pair[0]), evidence.b.block(pair[1])
    if all(one.settings.get("batch_first", True) for one in blocks) or a.ndim != 3 or b.ndim != 3:
        return None
    if relative(b.swapaxes(0, 1), a) > FITS:
        return None
    return Trap(
        "batch_first",
        "it takes (steps, batch, features) and is given (batch, steps, features): torch's layers "
        "of sequences do so without batch_first=True",
    )


def _of_recurrent(
    evidence: PortEvidence,
    trace: str,
    blocks: tuple[PortBlock, PortBlock],
    ends: tuple[_Values, _Values],
) -> Trap | None:
    kind = next((one.kind for one in blocks if one.kind in _RECURRENT), "")
    went_in = evidence.traces[0].get(f"in{trace}:{blocks[0].name}")
    names = _variables(evidence, blocks, lambda block: block.kind in _RECURRENT)
    if not kind or went_in is None or went_in.ndim != 3 or set(names) != set(_RECURRENT_ROLES):
        return None
    kernel, recurrent, bias = (_weight(evidence, names[role]) for role in _RECURRENT_ROLES)
    gates = {"LSTM": 4, "GRU": 3}[kind]
    if kernel.shape[-1] != gates * recurrent.shape[0] or bias.shape[-1] != kernel.shape[-1]:
        return None  # the other side has them in another form
    return _RECURRENT[kind](went_in.astype(np.float64), (kernel, recurrent, bias), *ends)


def _of_calls(evidence: PortEvidence, pair: tuple[str, str]) -> Trap | None:
    """Return that a layer is called before another in A, and behind it in B."""
    order_a = [one.name for one in evidence.a.blocks]
    before = [one.name for one in evidence.b.blocks]
    for name in before[: before.index(pair[1])]:
        twin = evidence.pairing.blocks.get(name)
        if twin is None or order_a.index(twin) < order_a.index(pair[0]):
            continue
        kinds = evidence.a.block(pair[0]).kind, evidence.a.block(twin).kind
        norm = any(kind.endswith("Normalization") for kind in kinds)
        words = f"A calls '{pair[0]}' before '{twin}', B behind it"
        return Trap("norm first" if norm else "order of layers", words)
    return None


def _of_backward_end(
    evidence: PortEvidence, trace: str, name: str, ends: tuple[_Values, _Values]
) -> Trap | None:
    exact = evidence.traces[0]
    for block in evidence.a.blocks:
        known = block.kind in _RECURRENT and block.settings.get("go_backwards")
        if not known or set(block.variables) != set(_RECURRENT_ROLES):
            continue
        kernel, recurrent, bias = (
            _weight(evidence, f"{block.name}.{role}") for role in _RECURRENT_ROLES
        )
        earlier = [value for key, value in exact.items() if key.startswith((f"in{trace}:", "out"))]
        for x in (exact.get(f"in{trace}:{block.name}"), *earlier, evidence.given(trace)):
            if x is None or x.ndim != 3 or x.shape[-1] != kernel.shape[0]:
                continue
            states = x.astype(np.float64), (kernel, recurrent, bias)
            found = sequences.of_backward_end(block.kind, *states, *ends)
            if found:
                return found
    return None


def _of_attention(
    evidence: PortEvidence,
    trace: str,
    blocks: tuple[PortBlock, PortBlock],
    ends: tuple[_Values, _Values],
) -> Trap | None:
    """Return how one attends otherwise: both in one layer, or one in four."""
    names = _variables(evidence, blocks, lambda block: block.kind == _ATTENTION)
    if not {"query_kernel", "key_kernel", "value_kernel", "output_kernel"} <= set(names):
        return None
    first = names["query_kernel"].rpartition(".")[0]
    went_in = evidence.traces[0].get(f"in{trace}:{first}")
    if went_in is None or went_in.ndim != 3:
        return None
    found = {role: _weight(evidence, name) for role, name in names.items()}
    return sequences.of_attention_layer(went_in.astype(np.float64), found, *ends)


def _variables(
    evidence: PortEvidence,
    blocks: tuple[PortBlock, PortBlock],
    is_known: Callable[[PortBlock], bool],
) -> dict[str, str]:
    """Return A's names of the variables, by their roles in the block of a known kind."""
    a, b = blocks
    if is_known(a):
        return {role: f"{a.name}.{role}" for role in a.variables}
    if is_known(b):
        return {role: evidence.pairing.variables[f"{b.name}.{role}"] for role in b.variables}
    return {}


def _weight(evidence: PortEvidence, name: str) -> _Values:
    value: _Values = evidence.weights[name].astype(np.float64)
    return value


def _earlier(evidence: PortEvidence, name: str, trace: str) -> list[_Values]:
    """Return outputs of A's blocks called before, the nearest first; before all what A is given."""
    names = [one.name for one in evidence.a.blocks]
    found = [f"out{trace}:{one}" for one in reversed(names[: names.index(name)])]
    exact = evidence.traces[0]
    outputs = [exact[one].astype(np.float64) for one in found if one in exact]
    return outputs[:3] or [evidence.given(trace).astype(np.float64)]


def _attention_parts(
    evidence: PortEvidence, trace: str, name: str
) -> tuple[_Values, _Values, _Values] | None:
    """Return queries, keys and values of three layers called before, in A."""
    nearest = _earlier(evidence, name, trace)
    if len(nearest) < 3:
        return None
    by_role = _by_role(evidence.a.blocks, trace, evidence.traces[0], name)
    if len(by_role) == 3:
        return by_role["q"], by_role["k"], by_role["v"]
    value, key, query = nearest
    return query, key, value


def _by_role(
    blocks: tuple[PortBlock, ...], trace: str, traced: NamedArrays, before: str
) -> dict[str, _Values]:
    """Return the last outputs, before a block, of those called something with q, k or v."""
    by_role: dict[str, _Values] = {}
    for block in blocks:
        if block.name == before:
            break
        tail = block.name.lower().replace("/", ".").rpartition(".")[2]
        if f"out{trace}:{block.name}" in traced and tail[:1] in {"q", "k", "v"}:
            by_role[tail[:1]] = traced[f"out{trace}:{block.name}"].astype(np.float64)
    return by_role


def _has_parts(evidence: PortEvidence, name: str) -> bool:
    return len(_by_role(evidence.b.blocks, "0", evidence.traces[2], name)) == 3
