"""The rungs, one after another, to the first at which two networks differ."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np

from benchbench.ports import forward, inputs
from benchbench.ports.ends import allowed, tolerance
from benchbench.ports.evidence import PortEvidence
from benchbench.ports.process import PortFailure
from benchbench.ports.report import RUNG_NAMES, Break, PortReport, PortRung, Trap
from benchbench.ports.traps import losses, settings, training, updates
from benchbench.ports.triple import NotFinite, Triple, relative

_LOSS = 1e-5
_GRADIENTS = 1e-4
_FIRST_STEP = 1e-3
_LATER_STEPS = 5e-3
_LAST = "update after 10 steps"
_UPDATES = {
    "update after 1 step": _FIRST_STEP,
    "small gradients": _FIRST_STEP,
    "large gradients": _FIRST_STEP,
    "update after 2 steps": _FIRST_STEP,
    _LAST: _LATER_STEPS,
}
# What decay of the weights leaves is told from rounding when it is so many times smaller.
_DECAY = 0.1
_STATISTICS = 1e-4
# Evaluation after training, where one keeps the biased variance and the other the unbiased.
_OTHER_VARIANCE = 0.05
# A variable that moves less than this fraction of what all move is judged on the scale of all.
_STILL = 1e-5


def climb(evidence: PortEvidence) -> PortReport:
    """Compare rung by rung. Raises PortFailure where one of the networks cannot do it.

    So it is where A computes what is not finite.
    """
    done: list[PortRung] = [PortRung(name="architecture", state="same")]
    for name, measure in _measures(evidence).items():
        try:
            worst = measure()
        except Break as stop:
            return broken(evidence.a.label, evidence.b.label, done, stop, evidence)
        except NotFinite:
            raise PortFailure(
                f"{evidence.a.label} computes numbers that are not finite, in the rung '{name}': "
                f"there is nothing to compare {evidence.b.label} with. Expected finite outputs, "
                f"losses and updates on inputs from {inputs.LOW:g} to {inputs.HIGH:g}"
            ) from None
        done.append(PortRung(name=name, state="same", difference=worst))
    return PortReport(
        a=evidence.a.label,
        b=evidence.b.label,
        same=True,
        rungs=tuple(done),
        notes=tuple(evidence.notes),
        pairs=evidence.pairing.variables,
    )


def broken(
    a: str, b: str, done: list[PortRung], stop: Break, evidence: PortEvidence | None = None
) -> PortReport:
    """Return the report of two networks that differ."""
    number = (
        stop.difference if stop.difference is not None and np.isfinite(stop.difference) else None
    )
    done = [
        *done,
        PortRung(name=stop.rung, state="differs", difference=number, tolerance=stop.tolerance),
    ]
    rest = [PortRung(name=name, state="not reached") for name in RUNG_NAMES[len(done) :]]
    said = [one for one in (stop.words, stop.trap.words if stop.trap else "") if one]
    return PortReport(
        a=a,
        b=b,
        same=False,
        rungs=(*done, *rest),
        rung=stop.rung,
        layer=stop.layer,
        variable=stop.variable,
        trap=stop.trap.name if stop.trap else "",
        explanation="; ".join(said),
        notes=tuple(evidence.notes) if evidence else (),
        pairs=evidence.pairing.variables if evidence else {},
    )


def _measures(evidence: PortEvidence) -> dict[str, Callable[[], float]]:
    def forward_pass() -> float:
        return max(forward.layers(evidence), forward.outputs(evidence))

    return {
        "evaluation mode": lambda: forward.modes(evidence),
        "forward": forward_pass,
        "loss": lambda: _loss(evidence),
        "gradients": lambda: _gradients(evidence),
        **{rung: functools.partial(_update, rung, evidence) for rung in _UPDATES},
        "statistics": lambda: _statistics(evidence),
        "after training": lambda: _after(evidence),
        "dropout": lambda: _dropout(evidence),
    }


def _update(rung: str, evidence: PortEvidence) -> float:
    left_out = evidence.fixed() | evidence.silent
    found = {name: one for name, one in evidence.moved(rung).items() if name not in left_out}
    worst = _variables(
        rung,
        found,
        _UPDATES[rung],
        lambda name, one: updates.of_update(name, one, evidence, rung),
        evidence,
    )
    trap = settings.of_few_steps(*evidence.optimizers) if rung == _LAST else None
    if trap and evidence.own_optimizer:
        raise Break(rung, difference=worst, trap=trap, words="so few steps hardly show it")
    return worst


def _loss(evidence: PortEvidence) -> float:
    worst = 0.0
    for one in evidence.losses:
        worst = max(worst, one.difference)
        if one.difference > tolerance(one, _LOSS):
            raise Break(
                "loss",
                difference=one.difference,
                tolerance=tolerance(one, _LOSS),
                trap=losses.of_loss(evidence),
                words=(
                    f"the same outputs have the losses {float(one.exact[0]):.6g} and "
                    f"{float(one.other[0]):.6g}"
                ),
            )
    return worst


def _gradients(evidence: PortEvidence) -> float:
    fixed = evidence.fixed()
    found = {name: one for name, one in evidence.gradients.items() if name not in fixed}
    return _variables(
        "gradients",
        found,
        _GRADIENTS,
        lambda name, one: training.of_gradients(name, one, evidence),
        evidence,
    )


def _variables(
    rung: str,
    found: Mapping[str, Triple],
    least: float,
    explain: Callable[[str, Triple], Trap | None],
    evidence: PortEvidence,
) -> float:
    """Compare arrays by name, each on its own scale. Raises Break at the worst of them."""
    largest = max((float(np.linalg.norm(one.exact)) for one in found.values()), default=0.0)
    worst, excess, at = 0.0, 1.0, ""
    for name, one in found.items():
        scale = _STILL * largest
        difference = one.difference_on(scale)
        limit = allowed(relative(one.own, one.exact, scale=scale), least)
        if rung in _UPDATES and updates.along_weights(name, one, evidence):
            limit *= _DECAY
        worst = max(worst, difference)
        if difference / limit > excess:
            excess, at = difference / limit, name
    if not at:
        return worst
    one = found[at]
    raise Break(
        rung,
        difference=one.difference_on(_STILL * largest),
        tolerance=least,
        layer=at.rpartition(".")[0],
        variable=f"{at} / {_twin(evidence, at)}",
        trap=explain(at, one),
    )


def _statistics(evidence: PortEvidence) -> float:
    moved = {name: one for name, one in evidence.update(1).items() if name in evidence.fixed()}
    worst = 0.0
    for name, one in moved.items():
        if one.difference <= tolerance(one, _STATISTICS):
            worst = max(worst, one.difference)
            continue
        factor = training.unbiased_variance(name, one, evidence)
        if factor is None:
            raise Break(
                "statistics",
                difference=one.difference,
                tolerance=tolerance(one, _STATISTICS),
                layer=name.rpartition(".")[0],
                variable=f"{name} / {_twin(evidence, name)}",
                trap=training.of_statistics(name, one, evidence),
            )
        evidence.variances_differ = True
        evidence.notes.append(
            f"{name}: the second keeps {factor:.6g} times the batch's variance: torch's is the "
            f"unbiased one, Keras's and Flax's is not. Evaluation differs by as much as that"
        )
    return worst


def _after(evidence: PortEvidence) -> float:
    one = evidence.probabilities(evidence.trained_outputs)
    least = _OTHER_VARIANCE if evidence.variances_differ else _LATER_STEPS
    limit = tolerance(one, least)
    if one.difference > limit:
        trap = settings.of_averages(*evidence.optimizers)
        raise Break("after training", difference=one.difference, tolerance=limit, trap=trap)
    return one.difference


def _dropout(evidence: PortEvidence) -> float:
    rates = [[rate for rate, _ in one] for one in evidence.dropouts]
    kinds = [[kind for _, kind in one] for one in evidence.dropouts]
    same = len(rates[0]) == len(rates[1])
    if same and np.allclose(rates[0], rates[1]):
        if kinds[0] == kinds[1]:
            return 0.0
        told = [", ".join(kind or "single values" for kind in one) for one in kinds]
        raise Break("dropout", trap=Trap("what is dropped", f"A drops {told[0]}; B {told[1]}"))
    keep = same and np.allclose(rates[0], [1 - rate for rate in reversed(rates[1])])
    name = "rate taken for keep" if keep else "dropout rate" if same else "dropout left out"
    words = f"the rates are {rates[0] or 'none'} and {rates[1] or 'none'}"
    raise Break("dropout", trap=Trap(name, words))


def _twin(evidence: PortEvidence, name: str) -> str:
    return next(own for own, other in evidence.pairing.variables.items() if other == name)
