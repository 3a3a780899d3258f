"""Mistakes of the loss, recognised by its values on two batches."""

from __future__ import annotations

import numpy as np

from benchbench.ports.evidence import PortEvidence
from benchbench.ports.report import Trap
from benchbench.ports.traps import settings


def of_loss(evidence: PortEvidence) -> Trap | None:
    """Return why the same outputs have another loss."""
    a, b = evidence.a.description, evidence.b.description
    found = settings.of_losses(a.loss, b.loss)
    if found:
        return found
    exact = [float(one.exact[0]) for one in evidence.losses]
    other = [float(one.other[0]) for one in evidence.losses]
    if not np.isfinite(other).all():
        return None
    return (
        _summed(evidence, exact, other)
        or _broadcast(evidence, other)
        or _scaled(exact, other)
        or _smoothing(evidence, exact, other)
        or _twice(evidence, other)
        or _squared(evidence, other)
        or _l2(evidence, exact, other)
        or settings.of_masking(evidence.a.blocks, evidence.b.blocks)
    )


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


def _scaled(exact: list[float], other: list[float]) -> Trap | None:
    """Fit one factor to both batches."""
    ratios = [right / left for left, right in zip(exact, other, strict=True) if left]
    if len(ratios) < 2 or abs(ratios[0] - ratios[1]) > 1e-4 * abs(ratios[0]) or not ratios[0]:
        return None
    return Trap("loss scale", f"B's loss is {ratios[0]:.4g} times A's, whatever the batch")


def _broadcast(evidence: PortEvidence, other: list[float]) -> Trap | None:
    """Fit the mean over all pairs of an output and a target: (n,) against (n, 1)."""
    output = evidence.trace("output0").exact.astype(np.float64)
    targets = evidence.batches[0][1].astype(np.float64)
    if evidence.targets != "values" or output.size != len(output):
        return None
    gaps = output.reshape(-1, 1) - targets.reshape(1, -1)
    for made in (gaps**2, np.abs(gaps)):
        if abs(float(made.mean()) - other[0]) < 1e-4 * abs(other[0]):
            return Trap(
                "targets broadcast",
                "B's loss is the mean over every output with every target: shapes (n,) and (n, 1) "
                "were broadcast to (n, n); give both one shape",
            )
    return None


def _squared(evidence: PortEvidence, other: list[float]) -> Trap | None:
    """Fit the squared distance of the outputs from one-hot targets."""
    if evidence.targets != "classes":
        return None
    output = evidence.trace("output0").other.astype(np.float64)
    gaps = output - np.eye(output.shape[-1])[evidence.batches[0][1]]
    if abs(float((gaps**2).mean()) - other[0]) > 1e-4 * abs(other[0]):
        return None
    return Trap("another loss", "B's loss is the mean squared error to one-hot targets")


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
