"""The rung "forward": layer by layer, then the outputs, in evaluation mode."""

from __future__ import annotations

import numpy as np

from benchbench.ports import layer_settings
from benchbench.ports.ends import TOLERANCE, does_more, ends, padded_outside, pairs, tolerance
from benchbench.ports.evidence import PortEvidence
from benchbench.ports.report import Break, Trap
from benchbench.ports.traps import functions
from benchbench.ports.traps import layers as traps
from benchbench.ports.traps.outputs import of_meaning
from benchbench.ports.triple import Triple, relative

# Half of what a number of 11 bits is off by at most: float32 is off by far less.
_SHORT = 1e-4
# The traces of a batch, of a short one, and of large values.
_TRACES = (("0", ""), ("4", " on large inputs"))


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
        for a, b in pairs(evidence):
            for end in ("in", "out"):
                one = ends(evidence, f"{end}{trace}", a, b)
                if one is None or (end == "in" and padded_outside(evidence, trace, one, (a, b))):
                    continue
                if end == "out" and does_more(evidence, one, (a, b)):
                    continue
                worst = max(worst, one.difference)
                if one.difference > tolerance(one) or _is_short(one):
                    found = traps.between if end == "in" else traps.inside
                    try:
                        trap, words = found(evidence, trace, (a, b), one)
                    except Exception as error:  # what looks for a mistake hides no difference
                        trap, words = None, f"no mistake known ({type(error).__name__}: {error})"
                    if _is_short(one):
                        trap = functions.of_precision(one.own, one.exact)
                    raise _layer_break(
                        one, trap, words + where, before if end == "in" else None, (a, b)
                    )
            before = (a, b)
    _unseen(evidence)
    return worst


def _unseen(evidence: PortEvidence) -> None:
    """Compare what numbers of a usual size hardly show. Raises Break."""
    for pair in pairs(evidence):
        trap = layer_settings.of_unseen(evidence.a.block(pair[0]), evidence.b.block(pair[1]))
        if trap:
            words = "what comes out hardly shows it here, and does where values are small, or large"
            raise Break("forward", layer=_pair(pair), trap=trap, words=words)


def outputs(evidence: PortEvidence) -> float:
    """Compare what the networks answer. Raises Break."""
    worst = 0.0
    for trace, where in (("0", ""), ("2", " on a short batch"), ("4", " on large inputs")):
        one = evidence.probabilities(evidence.trace(f"output{trace}"))
        worst = max(worst, one.difference)
        if one.difference > tolerance(one) or _is_short(one):
            last = next(iter(reversed(list(pairs(evidence)))), ("", ""))
            trap = _of_output(evidence, trace, last)
            raise _layer_break(
                one, trap, f"behind the last layer{where}", last, ("output", "output")
            )
    return worst


def _is_short(one: Triple) -> bool:
    """Say whether A computes in less than float32: what it is off by is no rounding of float32."""
    return one.noise > _SHORT and functions.of_precision(one.own, one.exact) is not None


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
