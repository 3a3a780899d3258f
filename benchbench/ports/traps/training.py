"""Mistakes of the gradients and the running statistics, recognised by numbers."""

from __future__ import annotations

import numpy as np

from benchbench.ports.evidence import PortEvidence
from benchbench.ports.report import Trap
from benchbench.ports.traps import settings
from benchbench.ports.traps.ratios import constant_ratio
from benchbench.ports.triple import Triple

_TWICE = 0.01
# As a layer of the file's own may call it, too.
_VARIANCES = ("moving_variance", "moving_var", "running_var", "variance", ".var")


def of_gradients(name: str, one: Triple, evidence: PortEvidence) -> Trap | None:
    """Return why a variable has another gradient though outputs and loss agree."""
    ratio = constant_ratio(one)
    block = evidence.a.block(name.rpartition(".")[0])
    if ratio is not None and block.kind in {"LSTM", "SimpleRNN"} and name.endswith("bias"):
        for side, times in (("B", ratio), ("A", 1 / ratio)):
            if abs(times - 2) < _TWICE:
                words = (
                    f"in {side} it moves exactly twice as far: torch adds two biases and trains "
                    f"both; freeze bias_hh_l0"
                )
                return Trap("both biases trained", words)
    for side, zero, moves in (("B", one.other, one.exact), ("A", one.exact, one.other)):
        if not np.any(zero) and np.any(moves):
            return Trap("not trained", f"{side}'s gradient is zero: frozen, or detached")
    if block.kind == "Embedding":
        moving = [np.any(ends, axis=1) for ends in (one.exact, one.other)]
        for side, rows in (("B", moving[0] & ~moving[1]), ("A", moving[1] & ~moving[0])):
            if rows.sum() == 1:
                row = int(np.flatnonzero(rows)[0])
                return Trap("padding_idx", f"{side} does not train row {row} of the embedding")
    ratios = {round(r, 3) for t in evidence.gradients.values() if (r := constant_ratio(t))}
    if len(ratios) == 1 and len(evidence.gradients) > 1:
        return Trap("loss scale", f"all of B's gradients are {ratios.pop():g} times A's")
    if block.kind == "BatchNormalization" or _normalised(evidence):
        return Trap(
            "running statistics in training",
            "outputs agree in evaluation and gradients do not in training: does B normalise by the "
            "batch's own statistics there?",
        )
    return None


def of_statistics(name: str, one: Triple, evidence: PortEvidence) -> Trap | None:
    """Return why the running statistics move otherwise."""
    block = evidence.a.block(name.rpartition(".")[0])
    twins = [own for own, other in evidence.pairing.blocks.items() if other == block.name]
    found = settings.of_momentum(block, evidence.b.block(twins[0])) if twins else None
    if found:
        return found
    if not np.any(one.other):
        return Trap("running statistics in training", "B's statistics do not move in training")
    ratio, kept = constant_ratio(one), _momentum(name, evidence)
    if ratio is None:
        return None
    words = f"B's statistics move {ratio:.4g} times as far"
    if kept is not None and 0 < kept < 1 and abs(ratio * (1 - kept) / kept - 1) < _TWICE:
        complement = "as with the complement: torch's momentum is the share of the NEW batch"
        return Trap("momentum complement", f"{words}, {complement}")
    return Trap("BatchNorm momentum", words)


def unbiased_variance(name: str, one: Triple, evidence: PortEvidence) -> float | None:
    """Return N/(N-1) where B's variances are the unbiased ones of N values, as torch keeps them."""
    momentum = _momentum(name, evidence)
    if momentum is None or not name.endswith(_VARIANCES):
        return None
    start = evidence.weights[name].astype(np.float64)
    seen = [(moved + (1 - momentum) * start) / (1 - momentum) for moved in (one.exact, one.other)]
    ratio = seen[1] / seen[0]
    mean = float(np.mean(ratio))
    return mean if 5 / 6 < mean < 6 / 5 and np.ptp(ratio) < 2e-3 else None


def _momentum(name: str, evidence: PortEvidence) -> float | None:
    """Return what share of the old statistics is kept, as one of the two layers says."""
    own = next(own for own, other in evidence.pairing.variables.items() if other == name)
    blocks = (
        evidence.a.block(name.rpartition(".")[0]),
        evidence.b.block(own.rpartition(".")[0]),
    )
    known = (block.settings.get("momentum") for block in blocks)
    return next((one for one in known if isinstance(one, float)), None)


def _normalised(evidence: PortEvidence) -> bool:
    return any(one.kind == "BatchNormalization" for one in evidence.a.blocks)
