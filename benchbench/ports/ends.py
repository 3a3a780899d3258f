"""What goes into a layer of both networks and what comes out: paired, in one layout, compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchbench.ports.evidence import PortEvidence
from benchbench.ports.triple import Triple, relative

# At least so much is rounding; more where A's own float32 is further from its float64.
TOLERANCE = 5e-6
TIMES_NOISE = 30.0
# Arrays are the same in other axes where they differ by so little; those of others by about 1.
_SAME = 1e-3
# Arrays of fewer axes hold no channels beside places.
_PLACES = 3


def tolerance(one: Triple, least: float = TOLERANCE) -> float:
    """Return how far B may be off: some times as far as A's rounding is."""
    return allowed(one.noise, least)


def allowed(noise: float, least: float) -> float:
    """Return how far B may be off, where A in float32 is `noise` off; infinity allows nothing."""
    return max(least, TIMES_NOISE * noise) if np.isfinite(noise) else least


def agrees(one: Triple) -> bool:
    """Say whether B is as near to A as rounding lets it be; what is not finite agrees with none."""
    return bool(np.isfinite(one.exact).all()) and one.difference <= tolerance(one)


def pairs(evidence: PortEvidence) -> Iterator[tuple[str, str]]:
    """Yield paired blocks in the order in which A calls them."""
    twins = {other: own for own, other in evidence.pairing.blocks.items()}
    for block in evidence.a.blocks:
        if block.name in twins:
            yield block.name, twins[block.name]


def padded_outside(evidence: PortEvidence, trace: str, one: Triple, pair: tuple[str, str]) -> bool:
    """Say whether a layer gets another shape and answers the same: its padding is done before."""
    after = ends(evidence, f"out{trace}", *pair)
    return (
        one.other.shape != one.exact.shape
        and after is not None
        and after.other.shape == after.exact.shape
    )


def does_more(evidence: PortEvidence, one: Triple, pair: tuple[str, str]) -> bool:
    """Say whether a layer of another kind answers another size: what follows it is compared.

    A recurrent layer of one side may answer at all steps, the other's at the last: `ends` has
    taken the last of both.
    """
    kinds = evidence.a.block(pair[0]).kind, evidence.b.block(pair[1]).kind
    return kinds[0] != kinds[1] and one.exact.size != one.other.size


def ends(evidence: PortEvidence, end: str, a: str, b: str) -> Triple | None:
    """Return what went into or came out of a layer; None where one of them was not seen."""
    exact, own, other = evidence.traces
    if end.startswith("in"):
        a, b = evidence.pairing.entry(a, b)
    if f"{end}:{a}" not in exact or f"{end}:{b}" not in other:
        return None
    value = other[f"{end}:{b}"]
    value = evidence.pairing.features_to_a(b, value, output=end.startswith("out"))
    arrays = [exact[f"{end}:{a}"], own[f"{end}:{a}"], value]
    return Triple(*_alike(_same_axes(arrays), end))


def _same_axes(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Return the arrays with B's channels where A has them, if the values are then A's.

    A layer of the file's own does not say where it has them.
    """
    exact, own, other = arrays
    if other.ndim < _PLACES or relative(other, exact) <= TOLERANCE:
        return arrays
    for moved in (np.moveaxis(other, 1, -1), np.moveaxis(other, -1, 1)):
        if relative(moved, exact) <= _SAME:
            return [exact, own, moved]
    return arrays


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
