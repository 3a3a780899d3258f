"""The rung "forward": layer by layer, then the outputs, in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchbench.ports.evidence import PortEvidence, sums_to_one
from benchbench.ports.pairing import channels_last
from benchbench.ports.report import Break, Trap
from benchbench.ports.traps import functions, settings
from benchbench.ports.triple import Triple, relative

# At least so much is rounding; more where A's own float32 is further from its float64.
TOLERANCE = 5e-6
TIMES_NOISE = 30.0
# The traces of a batch, of a short one, and of large values.
_TRACES = (("0", ""), ("4", " on large inputs"))


def tolerance(one: Triple, least: float = TOLERANCE) -> float:
    """Return how far B may be off: some times as far as A's rounding is."""
    return allowed(one.noise, least)


def allowed(noise: float, least: float) -> float:
    """Return how far B may be off, where A in float32 is `noise` off; infinity allows nothing."""
    return max(least, TIMES_NOISE * noise) if np.isfinite(noise) else least


def modes(evidence: PortEvidence) -> float:
    """Compare each network with itself: twice, and in other company. Raises Break."""
    worst = 0.0
    answers = evidence.trace("output0")
    if answers.difference and not np.isfinite(answers.other).all():
        raise Break("evaluation mode", words=f"{evidence.b.label} answers NaN or infinity")
    for side, index in ((evidence.a, 1), (evidence.b, 2)):
        traced = evidence.traces[index]
        again = relative(traced["output1"], traced["output0"])
        alone = relative(traced["output3"], traced["output0"][:1])
        worst = max(worst, again, alone)
        if again > TOLERANCE:
            words = f"{side.label} answers the same batch otherwise the second time"
            raise _mode_break(evidence, again, Trap("dropout left on", words))
        if alone > 1e-4:
            words = (
                f"{side.label} answers a sample otherwise alone than in a batch: statistics of the "
                f"batch in evaluation, or time and batch axes swapped"
            )
            batched = any(one.settings.get("batch_first") is False for one in side.blocks)
            name = "batch_first" if batched else "batch statistics at evaluation"
            raise _mode_break(evidence, alone, Trap(name, words))
    return worst


def layers(evidence: PortEvidence) -> float:
    """Compare what goes into each layer and what comes out. Raises Break."""
    worst = 0.0
    for trace, where in _TRACES:
        before: tuple[str, str] | None = None
        for a, b in _pairs(evidence):
            for end in ("in", "out"):
                one = _ends(evidence, f"{end}{trace}", a, b)
                if one is None or (end == "in" and _padded_outside(evidence, trace, one, (a, b))):
                    continue
                worst = max(worst, one.difference)
                if one.difference > tolerance(one):
                    found = _between if end == "in" else _inside
                    trap, words = found(evidence, trace, (a, b), one)
                    raise _layer_break(
                        one, trap, words + where, before if end == "in" else None, (a, b)
                    )
            before = (a, b)
    return worst


def outputs(evidence: PortEvidence) -> float:
    """Compare what the networks answer. Raises Break."""
    worst = 0.0
    for trace, where in (("0", ""), ("2", " on a short batch"), ("4", " on large inputs")):
        one = evidence.probabilities(evidence.trace(f"output{trace}"))
        worst = max(worst, one.difference)
        if one.difference > tolerance(one):
            last = next(iter(reversed(list(_pairs(evidence)))), ("", ""))
            trap = _of_output(evidence, trace, last)
            raise _layer_break(
                one, trap, f"behind the last layer{where}", last, ("output", "output")
            )
    return worst


def flattened(evidence: PortEvidence) -> dict[str, int]:
    """Return the blocks of B with flat features over (channels, positions), and the channels."""
    found = {}
    channels = 0
    for a, b in _pairs(evidence):
        one = _ends(evidence, "in0", a, b)
        if one is not None and not np.isfinite(one.exact).all():
            break
        agrees = one is None or one.difference <= tolerance(one)
        if agrees or (one and _padded_outside(evidence, "0", one, (a, b))):
            output = evidence.traces[0].get(f"out0:{a}")
            channels = output.shape[-1] if output is not None and output.ndim == 4 else channels
            continue
        assert one is not None  # noqa: S101 - else it agrees
        if channels and b not in evidence.pairing.channels and one.other.ndim == 2:
            features = one.other.shape[-1]
            for count in (channels, -channels) if features % channels == 0 else ():
                order = channels_last(features, count)
                if relative(one.other[:, order], one.exact) <= tolerance(one):
                    found[b] = count
        break
    return found


def _pairs(evidence: PortEvidence) -> Iterator[tuple[str, str]]:
    """Yield paired blocks in the order in which A calls them."""
    twins = {other: own for own, other in evidence.pairing.blocks.items()}
    for block in evidence.a.blocks:
        if block.name in twins:
            yield block.name, twins[block.name]


def _padded_outside(evidence: PortEvidence, trace: str, one: Triple, pair: tuple[str, str]) -> bool:
    """Say whether a layer gets another shape and answers the same: its padding is done before."""
    after = _ends(evidence, f"out{trace}", *pair)
    return (
        one.other.shape != one.exact.shape
        and after is not None
        and after.other.shape == after.exact.shape
    )


def _ends(evidence: PortEvidence, end: str, a: str, b: str) -> Triple | None:
    """Return what went into or came out of a layer; None where one of them was not seen."""
    exact, own, other = evidence.traces
    if f"{end}:{a}" not in exact or f"{end}:{b}" not in other:
        return None
    value = other[f"{end}:{b}"]
    if end.startswith("in"):
        value = evidence.pairing.features_to_a(b, value)
    arrays = [exact[f"{end}:{a}"], own[f"{end}:{a}"], value]
    ranks = {one.ndim for one in arrays}
    if ranks == {2, 3} and end.startswith("out"):  # a recurrent layer: all steps, or the last
        arrays = [one[:, -1] if one.ndim == 3 else one for one in arrays]
    elif len({one.size for one in arrays}) == 1 and len({one.shape for one in arrays}) > 1:
        arrays = [one.reshape(len(one), -1) for one in arrays]
    return Triple(*arrays)


def _inside(
    evidence: PortEvidence, trace: str, pair: tuple[str, str], one: Triple
) -> tuple[Trap | None, str]:
    a, b = evidence.a.block(pair[0]), evidence.b.block(pair[1])
    trap = settings.of_layers(a, b) or functions.of_precision(one.other)
    went_in = evidence.traces[0].get(f"in{trace}:{pair[0]}")
    if trap is None and a.kind == "LSTM" and went_in is not None:
        names = [f"{a.name}.{role}" for role in ("kernel", "recurrent_kernel", "bias")]
        if all(name in evidence.weights for name in names):
            variables = tuple(evidence.weights[name].astype(np.float64) for name in names)
            trap = functions.of_lstm(went_in, variables, one.exact, one.other)  # type: ignore[arg-type]
    return trap, "what goes into it agrees, what comes out does not"


def _between(
    evidence: PortEvidence,
    trace: str,
    pair: tuple[str, str],
    one: Triple,
) -> tuple[Trap | None, str]:
    exact = evidence.traces[0]
    a, b = one.exact.astype(np.float64), one.other.astype(np.float64)
    trap = None
    for earlier in _earlier(evidence, pair[0], trace):
        trap = trap or functions.of_function(earlier, a, b)
    for earlier in _earlier(evidence, pair[0], trace):
        named = ((n.partition(":")[2], v) for n, v in exact.items() if f"{trace}:" in n)
        trap = trap or functions.of_shortcut(earlier, a, b, named)
    if trap is None:
        known = (
            (n.partition(":")[2], v) for n, v in exact.items() if n[:3] in {f"in{trace}", "out"}
        )
        trap = functions.of_residual(a, b, ((n, v) for n, v in known if v.shape == a.shape))
    if trap is None:
        trap = _attention(evidence, trace, pair[0], a, b)
    trap = trap or functions.of_order(a, b) or functions.of_precision(one.other)
    return trap, "what goes into it differs already, and all layers before agree"


def _earlier(evidence: PortEvidence, name: str, trace: str) -> list[np.ndarray]:
    """Return outputs of A's blocks called before, the nearest first."""
    names = [one.name for one in evidence.a.blocks]
    found = [f"out{trace}:{one}" for one in reversed(names[: names.index(name)])]
    exact = evidence.traces[0]
    return [exact[one].astype(np.float64) for one in found if one in exact][:3]


def _attention(
    evidence: PortEvidence, trace: str, name: str, a: np.ndarray, b: np.ndarray
) -> Trap | None:
    nearest = _earlier(evidence, name, trace)
    if len(nearest) < 3:
        return None
    by_role = {}
    for block in evidence.a.blocks:
        tail = block.name.lower().replace("/", ".").rpartition(".")[2]
        if f"out{trace}:{block.name}" in evidence.traces[0] and tail[:1] in {"q", "k", "v"}:
            by_role[tail[:1]] = evidence.traces[0][f"out{trace}:{block.name}"].astype(np.float64)
    value, key, query = nearest
    if len(by_role) == 3:
        query, key, value = by_role["q"], by_role["k"], by_role["v"]
    return functions.of_attention(query, key, value, a, b)


def _of_output(evidence: PortEvidence, trace: str, last: tuple[str, str]) -> Trap | None:
    raw = evidence.trace(f"output{trace}")
    for side, output in ((evidence.a, raw.exact), (evidence.b, raw.other)):
        meaning = evidence.meaning(side, output)
        if sums_to_one(output) and meaning == "logits":
            return Trap(
                "softmax twice",
                f"{side.label} answers probabilities, and its loss takes them for logits: it "
                f"applies a second softmax; leave out the one in the network",
            )
        if sums_to_one(output) and meaning == "log-probabilities":
            words = (
                f"{side.label} answers probabilities, and its loss takes them for their logarithms"
            )
            return Trap("probabilities for log-probabilities", words)
        if not sums_to_one(output) and meaning == "probabilities" and evidence.targets != "binary":
            words = (
                f"{side.label} answers what does not sum to one, and its loss takes it for "
                f"probabilities: is a softmax, or from_logits=True, missing?"
            )
            return Trap("logits for probabilities", words)
    went_out = evidence.traces[0].get(f"out{trace}:{last[0]}")
    if went_out is None:
        return None
    before = went_out.astype(np.float64)
    found = functions.of_function(
        before, raw.exact.astype(np.float64), raw.other.astype(np.float64)
    )
    return found or functions.of_precision(raw.other)


def _mode_break(evidence: PortEvidence, difference: float, trap: Trap) -> Break:
    return Break("evaluation mode", difference=difference, tolerance=TOLERANCE, trap=trap)


def _layer_break(
    one: Triple,
    trap: Trap | None,
    words: str,
    before: tuple[str, str] | None,
    pair: tuple[str, str],
) -> Break:
    place = _pair(pair)
    layer = f"between {_pair(before)} and {place}" if before else place
    return Break(
        "forward",
        difference=one.difference,
        tolerance=tolerance(one),
        layer=layer,
        trap=trap,
        words=words,
    )


def _pair(pair: tuple[str, str]) -> str:
    return pair[0] if pair[0] == pair[1] else f"{pair[0]} / {pair[1]}"
