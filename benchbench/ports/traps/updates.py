"""Mistakes of the optimizer, recognised by how far it moves the variables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchbench.plugins.ports import PortOptimizer
from benchbench.ports.evidence import PortEvidence
from benchbench.ports.report import Trap
from benchbench.ports.traps import settings
from benchbench.ports.traps.ratios import CONSTANT, common, constant_ratio
from benchbench.ports.triple import Triple, relative

_Moved = Mapping[str, Triple]
# Beyond what rounding a weight to float32 moves it by, as a fraction of it.
_ROUNDING = 1e-6
# A ratio of two lengths is another where it is off by so much.
_ANOTHER = 1e-2
_FIRST = "update after 1 step"


def of_update(name: str, one: Triple, evidence: PortEvidence, rung: str) -> Trap | None:
    """Return why a variable moves otherwise though its gradient agrees."""
    a, b = evidence.optimizers
    moved = _trained(evidence, rung)
    found = (
        settings.of_optimizers(a, b, "gradient_accumulation_steps")
        or _not_moved(moved)
        or _apart(name, moved, evidence)
        or _l2_for_decoupled(a, b, rung)
        or _l2_in_adam(a, b, moved, evidence, rung)
        or _decay(moved, evidence)
        or settings.of_optimizers(a, b)
        or _rate(moved, evidence, rung)
        or _clipped(moved)
    )
    if found:
        return found
    if "gradients" in rung or _grows_with_small_gradients(one, evidence, name):
        return _epsilon(a, b)
    if "2 steps" in rung:
        return _schedule(evidence) or _momentum(evidence)
    return _LATER if "10 steps" in rung else None


def along_weights(name: str, one: Triple, evidence: PortEvidence) -> bool:
    """Say whether B differs by a multiple of the weights themselves, as decay of them does."""
    weight = evidence.weights[name].astype(np.float64).ravel()
    gap = (one.other - one.exact).ravel()
    size = float(np.linalg.norm(weight)) * float(np.linalg.norm(gap))
    if weight.size < _MANY or not size:
        return False
    beyond = float(np.linalg.norm(gap)) > _ROUNDING * float(np.linalg.norm(weight))
    return beyond and abs(float(gap @ weight)) > _ALONG * size


# So many numbers are not alike by chance.
_MANY, _ALONG = 32, 0.95


def _trained(evidence: PortEvidence, rung: str) -> _Moved:
    fixed = evidence.fixed()
    return {key: value for key, value in evidence.moved(rung).items() if key not in fixed}


def _not_moved(moved: _Moved) -> Trap | None:
    """Return that one side's optimizer leaves variables where they are."""
    for side, zero, moves in (("B", "other", "exact"), ("A", "exact", "other")):
        still = [
            name
            for name, one in moved.items()
            if not np.any(getattr(one, zero)) and np.any(getattr(one, moves))
        ]
        if len(still) == len(moved) > 0:
            return Trap(
                "learning rate",
                f"{side}'s optimizer moves nothing: its learning rate is 0 here, as at the start "
                f"of a warm-up, or it was given the parameters of another network",
            )
        if still:
            return Trap(
                "not trained",
                f"{side}'s optimizer does not move {', '.join(still[:_TOLD])}: was it given all "
                f"parameters of the network?",
            )
    return None


_TOLD = 4


def _apart(name: str, moved: _Moved, evidence: PortEvidence) -> Trap | None:
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


def _l2_for_decoupled(a: PortOptimizer | None, b: PortOptimizer | None, rung: str) -> Trap | None:
    """Return that one adds the decay to the gradient; in the first step of SGD that is the same."""
    plain = a is not None and b is not None and {a.name, b.name} == {"SGD"}
    first = "gradients" in rung or rung == _FIRST
    return None if plain and first else settings.of_optimizers(a, b, "decoupled")


def _l2_in_adam(
    a: PortOptimizer | None,
    b: PortOptimizer | None,
    moved: _Moved,
    evidence: PortEvidence,
    rung: str,
) -> Trap | None:
    """Fit the first step of Adam with the decay in the gradient, and with decoupled decay.

    One of the two optimizers says what it does, the other is one of optax.
    """
    known = [one for one in (a, b) if one and one.settings.get("weight_decay")]
    if rung != _FIRST or len(known) != 1 or not known[0].name.startswith("Adam"):
        return None
    rate, epsilon, decay = (
        float(known[0].settings[name]) for name in ("learning_rate", "epsilon", "weight_decay")
    )
    forms: dict[str, list[bool]] = {"L2 in the gradient": [], "decoupled decay": []}
    for name, one in moved.items():
        gradient = evidence.gradients[name].exact.astype(np.float64)
        decayed = decay * evidence.weights[name].astype(np.float64)
        summed = gradient + decayed
        whole = rate * summed / (np.abs(summed) + epsilon)
        apart = rate * (gradient / (np.abs(gradient) + epsilon) + decayed)
        for form, value in zip(forms.values(), (whole, apart), strict=True):
            form.append(relative(-value, one.exact) < _ANOTHER)
            form.append(relative(-value, one.other) < _ANOTHER)
    fits = [[form for form, found in forms.items() if all(found[side::2])] for side in (0, 1)]
    if not all(fits) or fits[0] == fits[1]:
        return None
    words = f"A has {fits[0][0]}, B {fits[1][0]}"
    return Trap("L2 in the gradient for decoupled decay", words)


def _decay(moved: _Moved, evidence: PortEvidence) -> Trap | None:
    """Fit the excess of B's update along the weights themselves."""
    shares = {}
    for name, one in moved.items():
        weight = evidence.weights[name].astype(np.float64)
        gap = one.other - one.exact
        size = float(np.linalg.norm(gap))
        if size < _ROUNDING * float(np.linalg.norm(weight)):
            continue
        along = float(np.sum(gap * weight)) / float(np.sum(weight * weight) or 1)
        if relative(along * weight, gap) > 0.1:
            return None
        shares[name] = along
    if not shares:
        return None
    flat = {name for name in moved if moved[name].exact.ndim == 1}
    where = "decay of biases" if set(shares) <= flat else "weight decay"
    names = ", ".join(sorted(shares)[:_TOLD])
    return Trap(where, f"B moves {names} by {next(iter(shares.values())):.3g} of itself more")


def _rate(moved: _Moved, evidence: PortEvidence, rung: str) -> Trap | None:
    """Fit one factor to each update: a learning rate, or gradients that are clipped."""
    ratios = {name: constant_ratio(one) for name, one in moved.items()}
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    if len(known) < len(ratios) or not known:
        return None
    one = common(list(known.values()))
    if one is not None and abs(one - 1) < 1e-4:
        return None
    told = (
        f"every variable moves {one:.4g} times as far in B"
        if one is not None
        else ", ".join(f"{name} moves {known[name]:.4g} times as far in B" for name in known)
    )
    if _clips(known, evidence, rung):
        words = f"{told}, and another number of times where gradients are of another size"
        return Trap("gradient clipping", words)
    return Trap("learning rate", told)


def _clips(ratios: Mapping[str, float], evidence: PortEvidence, rung: str) -> bool:
    """Say whether updates are as many times as long only where gradients are of this size."""
    if rung == "large gradients":
        return True  # at their usual size they agree
    if rung != _FIRST:
        return False
    for name, one in _trained(evidence, "small gradients").items():
        ratio = constant_ratio(one)
        if ratio is not None and abs(ratio - ratios[name]) > _ANOTHER * abs(ratios[name]):
            return True
    return False


def _clipped(moved: _Moved) -> Trap | None:
    """Fit updates that stay within a bound, each number by itself."""
    for side, inner, outer in (("B", "other", "exact"), ("A", "exact", "other")):
        bound = max(float(np.max(np.abs(getattr(one, inner)))) for one in moved.values())
        whole = max(float(np.max(np.abs(getattr(one, outer)))) for one in moved.values())
        fits = all(
            relative(np.clip(getattr(one, outer), -bound, bound), getattr(one, inner)) < CONSTANT
            for one in moved.values()
        )
        if fits and bound < (1 - _ANOTHER) * whole:
            words = f"each number of {side}'s updates stays within +-{bound:.4g}"
            return Trap("gradient clipping", words)
    return None


def _schedule(evidence: PortEvidence) -> Trap | None:
    """Fit one factor to the second step, where the first agrees."""
    first, both = (_trained(evidence, f"update after {word}") for word in ("1 step", "2 steps"))
    ratios = []
    for name, one in both.items():
        before = first[name]
        ends = (one.exact - before.exact, one.own - before.own, one.other - before.other)
        ratio = constant_ratio(Triple(*ends))
        if ratio is not None:
            ratios.append(ratio)
    ratio = common(ratios)
    if ratio is None or abs(ratio - 1) < CONSTANT:
        return None
    words = f"the first step agrees, and the second is {ratio:.4g} times as long in B"
    return Trap("learning-rate schedule", words)


def _momentum(evidence: PortEvidence) -> Trap:
    sides = evidence.a.description, evidence.b.description
    kerases = [one for one in sides if one.framework == "keras" and one.optimizer]
    rates = [one.optimizer.settings for one in kerases if one.optimizer]
    if len(kerases) == 1 and rates[0].get("momentum") and rates[0].get("schedule", _NONE) != _NONE:
        return Trap(
            "momentum under a schedule",
            "Keras multiplies a gradient by the rate of its step and keeps the product in the "
            "momentum; torch and optax keep the gradient and multiply the momentum by the rate of "
            "the step that uses it. They are one only while the rate stays the same",
        )
    return Trap(
        "momentum",
        "the first step agrees and the second does not: momentum, betas, or a learning rate that "
        "changes from step to step",
    )


_NONE = "none"
_LATER = Trap(
    "learning-rate schedule",
    "the first two steps agree and a later one does not: a learning rate that changes, or an "
    "optimizer that keeps more of the past than the other",
)


def _epsilon(a: PortOptimizer | None, b: PortOptimizer | None) -> Trap | None:
    names = {one.name for one in (a, b) if one}
    if "RMSprop" in names:
        return Trap(
            "epsilon of RMSprop",
            "steps differ where gradients are small. Keras and optax add epsilon to the mean of "
            "the squares, under the root, torch adds it to the root",
        )
    if "SGD" in names:
        return None
    return Trap(
        "epsilon of Adam",
        "steps differ where gradients are small. Keras adds epsilon (1e-7) to the square root "
        "before the bias correction, torch and optax (1e-8) after it: at the first step Keras's "
        "acts 32 times as large",
    )


def _grows_with_small_gradients(one: Triple, evidence: PortEvidence, name: str) -> bool:
    """Say whether steps differ more where gradients are small: the medians of both halves."""
    sizes = np.abs(evidence.gradients[name].exact).ravel()
    gap = np.abs(one.other - one.exact).ravel() / np.maximum(np.abs(one.exact).ravel(), 1e-30)
    order = np.argsort(sizes)
    half = len(order) // 2
    if half < 4:
        return False
    return bool(np.median(gap[order[:half]]) > 3 * np.median(gap[order[half:]]))
