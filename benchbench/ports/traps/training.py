"""Mistakes of the loss, the gradients and the optimizer, recognised by numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchbench.ports.evidence import PortEvidence
from benchbench.ports.report import Trap
from benchbench.ports.traps import settings
from benchbench.ports.triple import Triple, relative

_CONSTANT = 2e-3


def of_loss(evidence: PortEvidence) -> Trap | None:
    """Return why the same outputs have another loss."""
    a, b = evidence.a.description, evidence.b.description
    found = settings.of_losses(a.loss, b.loss)
    if found:
        return found
    exact = [float(one.exact[0]) for one in evidence.losses]
    other = [float(one.other[0]) for one in evidence.losses]
    return (
        _summed(evidence, exact, other)
        or _smoothing(evidence, exact, other)
        or _twice(evidence, other)
        or _l2(evidence, exact, other)
        or settings.of_masking(evidence.a.blocks, evidence.b.blocks)
    )


def of_gradients(name: str, one: Triple, evidence: PortEvidence) -> Trap | None:
    """Return why a variable has another gradient though outputs and loss agree."""
    ratio = constant_ratio(one)
    block = evidence.a.block(name.rpartition(".")[0])
    if (
        ratio is not None
        and block.kind == "LSTM"
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
    twin = next(own for own, other in evidence.pairing.blocks.items() if other == block.name)
    found = settings.of_momentum(block, evidence.b.block(twin))
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


def _summed(evidence: PortEvidence, exact: list[float], other: list[float]) -> Trap | None:
    """Fit the size of the batch to how many times A's loss B's is."""
    sizes = [len(evidence.batches[0][0]), len(evidence.batches[-1][0])]
    for factor, words in ((1, "summed"), (-1, "averaged")):
        if all(
            abs(right - left * size**factor) < 1e-3 * abs(left * size**factor)
            for left, right, size in zip(exact, other, sizes, strict=True)
        ):
            return Trap(
                "loss summed",
                f"B's loss is {words} over the batch: {other[0] / exact[0]:g} times A's",
            )
    return None


def _smoothing(evidence: PortEvidence, exact: list[float], other: list[float]) -> Trap | None:
    """Fit (1 - e) loss + e (loss to the uniform distribution) on the first batch."""
    if evidence.targets == "values":
        return None
    p = evidence.probabilities(evidence.trace("output0")).exact
    uniform = float(-np.log(np.maximum(p, 1e-12)).mean())
    if abs(uniform - exact[0]) <= 1e-9:
        return None
    rate = (other[0] - exact[0]) / (uniform - exact[0])
    if 1e-4 < rate < 0.5 and abs(rate * 1000 - round(rate * 1000)) < 0.05:
        return Trap("label smoothing", f"B's loss is that of targets smoothed by {rate:.3g}")
    return None


def _twice(evidence: PortEvidence, other: list[float]) -> Trap | None:
    """Fit the cross-entropy of a softmax over what are probabilities already."""
    if evidence.targets not in {"classes", "one_hot"}:
        return None
    p = evidence.probabilities(evidence.trace("output0")).exact
    rows = p.reshape(-1, p.shape[-1])
    again = np.exp(rows) / np.exp(rows).sum(-1, keepdims=True)
    chosen = again[np.arange(len(rows)), evidence.batches[0][1].ravel()]
    if abs(float(-np.log(chosen).mean()) - other[0]) < 1e-4 * abs(other[0]):
        return Trap("softmax twice", "B's loss takes a softmax of what are probabilities already")
    return None


def _l2(evidence: PortEvidence, exact: list[float], other: list[float]) -> Trap | None:
    """Fit a penalty that is the same for every batch."""
    gaps = [right - left for left, right in zip(exact, other, strict=True)]
    if abs(gaps[0] - gaps[1]) > 1e-3 * abs(gaps[0]):
        return None
    squares = sum(
        float(np.sum(v.astype(np.float64) ** 2))
        for n, v in evidence.weights.items()
        if "kernel" in n
    )
    share = f", {abs(gaps[0]) / squares:.3g} times the kernels' sum of squares" if squares else ""
    return Trap(
        "L2 penalty",
        f"one loss is larger by {abs(gaps[0]):.4g} whatever the batch{share}: a regulariser that "
        f"only one has",
    )


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
