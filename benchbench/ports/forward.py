"""The rung "forward": layer by layer, then the outputs, in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchbench.ports.evidence import PortEvidence
from benchbench.ports.pairing import channels_last
from benchbench.ports.report import Break, Trap
from benchbench.ports.traps import functions
from benchbench.ports.traps import layers as traps
from benchbench.ports.traps.outputs import of_meaning
from benchbench.ports.triple import Triple, relative

# At least so much is rounding; more where A's own float32 is further from its float64.
TOLERANCE = 5e-6
TIMES_NOISE = 30.0
# Half of what a number of 11 bits is off by at most: float32 is off by far less.
_SHORT = 1e-4
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
        layer, trap = traps.of_not_finite(evidence)
        words = f"{evidence.b.label} answers NaN or infinity"
        raise Break("evaluation mode", layer=layer, trap=trap, words=words)
    for side, index in ((evidence.a, 1), (evidence.b, 2)):
        traced = evidence.traces[index]
        again = relative(traced["output1"], traced["output0"])
        alone = relative(traced["output3"], traced["output0"][:1])
        worst = max(worst, again, alone)
        if again > TOLERANCE:
            words = f"{side.label} answers the same batch otherwise the second time"
            raise _mode_break(evidence, again, Trap("dropout left on", words))
        if alone > 1e-4:
            raise _mode_break(evidence, alone, traps.of_company(side, traced["output0"]))
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
                if end == "out" and _does_more(evidence, one, (a, b)):
                    continue
                worst = max(worst, one.difference)
                if one.difference > tolerance(one) or _is_short(one):
                    found = traps.between if end == "in" else traps.inside
                    trap, words = found(evidence, trace, (a, b), one)
                    if _is_short(one):
                        trap = functions.of_precision(one.own, one.exact)
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
        if one.difference > tolerance(one) or _is_short(one):
            last = next(iter(reversed(list(_pairs(evidence)))), ("", ""))
            trap = _of_output(evidence, trace, last)
            raise _layer_break(
                one, trap, f"behind the last layer{where}", last, ("output", "output")
            )
    return worst


def agree(evidence: PortEvidence) -> bool:
    """Say whether both answer the first batch alike."""
    one = evidence.probabilities(evidence.trace("output0"))
    finite = bool(np.isfinite(one.exact).all())
    return finite and one.difference <= tolerance(one)


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


def _is_short(one: Triple) -> bool:
    """Say whether A computes in less than float32: what it is off by is no rounding of float32."""
    return one.noise > _SHORT and functions.of_precision(one.own, one.exact) is not None


def _does_more(evidence: PortEvidence, one: Triple, pair: tuple[str, str]) -> bool:
    """Say whether a layer of another kind answers another size: what follows it is compared.

    A recurrent layer of one side may answer at all steps, the other's at the last: `_ends` has
    taken the last of both.
    """
    kinds = evidence.a.block(pair[0]).kind, evidence.b.block(pair[1]).kind
    return kinds[0] != kinds[1] and one.exact.size != one.other.size


def _ends(evidence: PortEvidence, end: str, a: str, b: str) -> Triple | None:
    """Return what went into or came out of a layer; None where one of them was not seen."""
    exact, own, other = evidence.traces
    if end.startswith("in"):
        a, b = evidence.pairing.entry(a, b)
    if f"{end}:{a}" not in exact or f"{end}:{b}" not in other:
        return None
    value = other[f"{end}:{b}"]
    if end.startswith("in"):
        value = evidence.pairing.features_to_a(b, value)
    arrays = [exact[f"{end}:{a}"], own[f"{end}:{a}"], value]
    return Triple(*_alike(arrays, end))


def _alike(arrays: list[np.ndarray], end: str) -> list[np.ndarray]:
    """Return the arrays in one shape where they are laid out otherwise and have as many values."""
    ranks = {one.ndim for one in arrays}
    if len({one.shape for one in arrays}) == 1:
        return arrays
    if len({one.size for one in arrays}) == 1:
        if len({len(one) for one in arrays}) == 1:
            return [one.reshape(len(one), -1) for one in arrays]
        # One has the steps among its samples. Where all have steps, two axes were exchanged.
        return arrays if ranks == {3} else [one.reshape(1, -1) for one in arrays]
    if ranks == {2, 3} and end.startswith("out"):  # a recurrent layer: all steps, or the last
        return [one[:, -1] if one.ndim == 3 else one for one in arrays]
    return arrays


def _of_output(evidence: PortEvidence, trace: str, last: tuple[str, str]) -> Trap | None:
    raw = evidence.trace(f"output{trace}")
    for side, output in ((evidence.a, raw.exact), (evidence.b, raw.other)):
        found = of_meaning(side.label, output, evidence.meaning(side, output), evidence.targets)
        if found:
            return found
    went_out = evidence.traces[0].get(f"out{trace}:{last[0]}")
    if went_out is None:
        return None
    before = went_out.astype(np.float64)
    found = functions.of_function(
        before, raw.exact.astype(np.float64), raw.other.astype(np.float64)
    )
    return found or functions.of_precision(raw.own, raw.other)


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
