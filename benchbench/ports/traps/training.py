"""Mistakes of the loss, the gradients and the optimizer, recognised by numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchbench.ports.evidence import PortEvidence
from benchbench.ports.report import Trap
from benchbench.ports.traps import settings
from benchbench.ports.triple import Triple, relative

_CONSTANT = 2e-3


def of_gradients(name: str, one: Triple, evidence: PortEvidence) -> Trap | None:
    """Return why a variable has another gradient though outputs and loss agree."""
    ratio = constant_ratio(one)
    block = evidence.a.block(name.rpartition(".")[0])
    if (
        ratio is not None
        and block.kind in {"LSTM", "SimpleRNN"}
        and name.endswith("bias")
        and abs(ratio - 2) < 0.01
    ):
        return Trap(
            "both biases trained",
            "it moves exactly twice as far: torch adds two biases and trains both; freeze "
            "bias_hh_l0",
        )
    for side, zero, moves in (("B", one.other, one.exact), ("A", one.exact, one.other)):
        if not np.any(zero) and np.any(moves):
            return Trap("not trained", f"{side}'s gradient is zero: frozen, or detached")
    if block.kind == "Embedding":
        rows = np.flatnonzero(np.any(one.exact, axis=1) & ~np.any(one.other, axis=1))
        if len(rows) == 1:
            return Trap("padding_idx", f"B does not train row {rows[0]} of the embedding")
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


def of_update(name: str, one: Triple, evidence: PortEvidence, rung: str) -> Trap | None:
    """Return why a variable moves otherwise though its gradient agrees."""
    a, b = evidence.a.description.optimizer, evidence.b.description.optimizer
    moved = evidence.small_update if "small" in rung else evidence.update(_steps(rung))
    fixed = evidence.fixed()
    moved = {key: value for key, value in moved.items() if key not in fixed}
    found = (
        _apart(name, moved, evidence)
        or _decay(moved, evidence)
        or settings.of_optimizers(a, b)
        or _rate(moved)
    )
    if found:
        return found
    if "small" in rung or _grows_with_small_gradients(one, evidence, name):
        return _EPSILON
    if _steps(rung) > 1:
        return Trap(
            "momentum",
            "the first step agrees and a later one does not: momentum, betas, or a learning rate "
            "that changes from step to step",
        )
    return None


def _apart(name: str, moved: Mapping[str, Triple], evidence: PortEvidence) -> Trap | None:
    """Return that Keras on TensorFlow keeps the gradients of a repeated token apart."""
    embeddings = {one.name for one in evidence.a.blocks if one.kind == "Embedding"}
    if name.rpartition(".")[0] not in embeddings:
        return None
    others = [
        one
        for key, one in moved.items()
        if key.rpartition(".")[0] not in embeddings and key not in evidence.silent
    ]
    sides = {evidence.a.description.framework, evidence.b.description.framework}
    if "keras" not in sides or any(relative(one.other, one.exact) > 1e-2 for one in others):
        return None
    return Trap(
        "embedding gradients not summed",
        "only the embedding moves otherwise. Keras on TensorFlow keeps the gradients of a token "
        "that a batch repeats apart, and Adam and RMSprop square each of them instead of their "
        "sum: embeddings_regularizer=keras.regularizers.L2(0.0) has them added up",
    )


def _rate(moved: Mapping[str, Triple]) -> Trap | None:
    """Fit one factor to all updates."""
    ratios = [r for t in moved.values() if (r := constant_ratio(t)) is not None]
    if len(ratios) < len(moved) or np.ptp(ratios) > _CONSTANT * abs(np.mean(ratios)):
        return None
    ratio = float(np.mean(ratios))
    words = f"every variable moves {ratio:.4g} times as far in B"
    return Trap("learning rate", words) if abs(ratio - 1) > 1e-4 else None


_EPSILON = Trap(
    "epsilon of Adam",
    "steps differ where gradients are small. Keras adds epsilon (1e-7) to the square root before "
    "the bias correction, torch and optax (1e-8) after it: at the first step Keras's acts 32 times "
    "as large",
)


def of_statistics(name: str, one: Triple, evidence: PortEvidence) -> Trap | None:
    """Return why the running statistics move otherwise."""
    block = evidence.a.block(name.rpartition(".")[0])
    twins = [own for own, other in evidence.pairing.blocks.items() if other == block.name]
    found = settings.of_momentum(block, evidence.b.block(twins[0])) if twins else None
    if found:
        return found
    if not np.any(one.other):
        return Trap("running statistics in training", "B's statistics do not move in training")
    ratio = constant_ratio(one)
    if ratio is not None:
        return Trap("BatchNorm momentum", f"B's statistics move {ratio:.4g} times as far")
    return None


def unbiased_variance(name: str, one: Triple, evidence: PortEvidence) -> float | None:
    """Return N/(N-1) where B's variances are the unbiased ones of N values, as torch keeps them."""
    if not name.endswith("moving_variance"):
        return None
    block = evidence.a.block(name.rpartition(".")[0])
    momentum = block.settings.get("momentum")
    if not isinstance(momentum, float):
        return None
    start = evidence.weights[name].astype(np.float64)
    seen = [(moved + (1 - momentum) * start) / (1 - momentum) for moved in (one.exact, one.other)]
    ratio = seen[1] / seen[0]
    mean = float(np.mean(ratio))
    return mean if 5 / 6 < mean < 6 / 5 and np.ptp(ratio) < 2e-3 else None


def constant_ratio(one: Triple) -> float | None:
    """Return c where B = c A for every number, else None."""
    large = np.abs(one.exact) > 1e-3 * np.max(np.abs(one.exact), initial=0)
    if not large.any():
        return None
    ratio = float(np.sum(one.exact * one.other) / np.sum(one.exact.astype(np.float64) ** 2))
    fits = ratio != 0 and relative(one.other, ratio * one.exact) < _CONSTANT
    return ratio if fits else None


def _decay(moved: Mapping[str, Triple], evidence: PortEvidence) -> Trap | None:
    """Fit the excess of B's update along the weights themselves."""
    shares = {}
    for name, one in moved.items():
        weight = evidence.weights[name].astype(np.float64)
        gap = one.other - one.exact
        size = float(np.linalg.norm(gap))
        if size < 1e-5 * float(np.linalg.norm(weight)):
            continue
        along = float(np.sum(gap * weight)) / float(np.sum(weight * weight) or 1)
        if relative(along * weight, gap) > 0.1:
            return None
        shares[name] = along
    if not shares:
        return None
    flat = {name for name in moved if moved[name].exact.ndim == 1}
    where = "decay of biases" if set(shares) <= flat else "weight decay"
    names = ", ".join(sorted(shares)[:4])
    return Trap(where, f"B moves {names} by {next(iter(shares.values())):.3g} of itself more")


def _grows_with_small_gradients(one: Triple, evidence: PortEvidence, name: str) -> bool:
    """Say whether steps differ more where gradients are small: the medians of both halves."""
    sizes = np.abs(evidence.gradients[name].exact).ravel()
    gap = np.abs(one.other - one.exact).ravel() / np.maximum(np.abs(one.exact).ravel(), 1e-30)
    order = np.argsort(sizes)
    half = len(order) // 2
    if half < 4:
        return False
    return bool(np.median(gap[order[:half]]) > 3 * np.median(gap[order[half:]]))


def _normalised(evidence: PortEvidence) -> bool:
    return any(one.kind == "BatchNormalization" for one in evidence.a.blocks)


def _steps(rung: str) -> int:
    return next((int(word) for word in rung.split() if word.isdigit()), 1)
