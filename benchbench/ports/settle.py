"""Settle what shapes and names leave open, by the values of a first pass.

In which order flat features are, whether a square matrix is transposed, which of several layers of
one shape is which.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchbench.plugins.ports import PortBlock
from benchbench.ports.ends import agrees, ends, padded_outside, pairs, tolerance
from benchbench.ports.evidence import PortEvidence
from benchbench.ports.pairing import channels_last
from benchbench.ports.sizes import signature
from benchbench.ports.triple import relative

_TRIES = 8
# What treats each feature by itself has as many variables as features.
_SINGLE = {"BatchNormalization", "LayerNormalization", "PReLU"}


def settle(evidence: PortEvidence) -> None:
    """Settle all of it, as far as values tell."""
    _settle_turning(evidence)
    for _ in range(_TRIES):
        if not (_settle_flattening(evidence) or _settle_calls(evidence)):
            break
    _settle_branches(evidence)


def agree(evidence: PortEvidence) -> bool:
    """Say whether both answer the first batch alike."""
    return agrees(evidence.probabilities(evidence.trace("output0")))


def _settle_flattening(evidence: PortEvidence) -> bool:
    """Find the layers of B that take flat maps channels first; their weights are copied so."""
    found = _flattened(evidence)
    evidence.pairing.channels |= found
    evidence.pairing.single |= {b for b in found if evidence.b.block(b).kind in _SINGLE}
    for name, channels in found.items():
        orders = [f"({abs(channels)} channels, positions)", "(positions, channels)"]
        own, other = orders if channels > 0 else reversed(orders)
        evidence.notes.append(
            f"{name} takes its features over {own}, the other over {other}: its weights are "
            f"copied in that order"
        )
    if found:
        del evidence.traces
    return bool(found)


def _flattened(evidence: PortEvidence) -> dict[str, int]:
    """Return the block of B with flat features over (channels, positions), and the channels."""
    channels = 0
    for a, b in pairs(evidence):
        one = ends(evidence, "in0", a, b)
        if one is None or agrees(one) or padded_outside(evidence, "0", one, (a, b)):
            output = evidence.traces[0].get(f"out0:{a}")
            channels = output.shape[-1] if output is not None and output.ndim > 2 else channels
            continue
        if not channels or b in evidence.pairing.channels or one.other.ndim != 2:
            return {}
        features = one.other.shape[-1]
        for count in (channels, -channels) if features % channels == 0 else ():
            order = channels_last(features, count)
            if relative(one.other[:, order], one.exact) <= tolerance(one):
                return {b: count}
        return {}
    return {}


def _settle_calls(evidence: PortEvidence) -> bool:
    """Exchange two layers of one shape where the inputs of the other are those of A's layer.

    So it is where B calls them in another order than A, as a shortcut before the longer way.
    """
    done = set()
    for a, b in pairs(evidence):
        done.add(b)
        one = ends(evidence, "in0", a, b)
        if one is None or agrees(one) or padded_outside(evidence, "0", one, (a, b)):
            continue
        for other in _alike(evidence, b):
            its = None if other in done else ends(evidence, "in0", a, other)
            if its is not None and agrees(its):
                _exchange(evidence, b, other)
                return True
        return False
    return False


def _settle_branches(evidence: PortEvidence) -> None:
    """Exchange two layers of one shape and one input where more of what follows agrees so."""
    if agree(evidence):
        return
    reached = _reached(evidence)
    tried = 0
    for b, other in list(_beside(evidence)):
        tried += 1
        if tried > _TRIES:
            return
        _exchange(evidence, b, other)
        if agree(evidence) or _reached(evidence) > reached:
            reached = _reached(evidence)
            continue
        _exchange(evidence, b, other)


def _reached(evidence: PortEvidence) -> int:
    """Return how many layers' ends agree before the first that do not."""
    count = 0
    for a, b in pairs(evidence):
        for end in ("in0", "out0"):
            one = ends(evidence, end, a, b)
            if one is not None and not agrees(one):
                return count
            count += 1
    return count


def _beside(evidence: PortEvidence) -> Iterator[tuple[str, str]]:
    """Yield two layers of B that nothing tells apart: one shape, one input, no names of A's."""
    traced = evidence.traces[2]
    order = [block.name for block in evidence.b.blocks]
    for b in order:
        for other in _alike(evidence, b):
            if order.index(other) <= order.index(b):
                continue
            first, second = (traced.get(f"in0:{name}") for name in (b, other))
            if first is not None and second is not None and np.array_equal(first, second):
                yield b, other


def _alike(evidence: PortEvidence, b: str) -> list[str]:
    """Return the layers of B that could as well be what this one is taken for."""
    pairing, block = evidence.pairing, evidence.b.block(b)
    if b in pairing.named or b not in pairing.blocks:
        return []
    return [
        one.name
        for one in evidence.b.blocks
        if one.name != b and one.name in pairing.blocks and _same(one, block)
    ]


def _same(one: PortBlock, other: PortBlock) -> bool:
    return one.variables == other.variables and signature(one) == signature(other)


def _exchange(evidence: PortEvidence, b: str, other: str) -> None:
    """Have each of two layers of B be that of A which the other is."""
    pairing = evidence.pairing
    pairing.blocks[b], pairing.blocks[other] = pairing.blocks[other], pairing.blocks[b]
    for role in evidence.b.block(b).variables:
        names = f"{b}.{role}", f"{other}.{role}"
        twins = [pairing.variables[name] for name in names]
        pairing.variables[names[0]], pairing.variables[names[1]] = twins[1], twins[0]
    del evidence.traces


def _settle_turning(evidence: PortEvidence) -> None:
    """Transpose square matrices of layers nobody knows, where that makes the outputs agree."""
    pairing = evidence.pairing
    kinds = [{one.name: one.kind for one in side.blocks} for side in (evidence.b, evidence.a)]
    square = {
        own
        for own, other in pairing.variables.items()
        if kinds[0][own.rpartition(".")[0]] != kinds[1][other.rpartition(".")[0]]
        and evidence.weights[other].ndim == 2
        and len(set(evidence.weights[other].shape)) == 1
    } - pairing.turned
    if not square or agree(evidence):
        return
    pairing.turned |= square
    del evidence.traces
    if agree(evidence):
        evidence.notes.append(f"{', '.join(sorted(square))}: taken transposed, as outputs agree so")
        return
    pairing.turned -= square
    del evidence.traces
