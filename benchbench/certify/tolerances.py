"""How far two right float32 implementations may differ: derived from how far they were seen to.

`tolerances.toml` holds, for each rung, the largest difference that correct implementations showed,
over how many certificates, and the tolerance: `MARGIN` times as much. `studies/tolerances.py` makes
it from saved certificates.

A ReLU or a maximum takes one side or the other: where an input lies at the edge, rounding decides,
and two right trainings part. A network without them is smooth, and has tolerances of its own at the
rungs of many steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

from benchbench.certificates import Certificate
from benchbench.spec.catalog import MODELS
from benchbench.spec.layers import KINKED, MaxPool2D
from benchbench.spec.model import ModelSpec

# From the largest seen difference to the tolerance, at least. Below one that is too wide faults
# hide: the smallest of those known stand four times above these (docs/measured.md).
MARGIN = 4

# The rungs of so many steps that a smooth network is judged by a tolerance of its own.
LONG_RUNGS = ("update after 10 steps", "optimiser state", "three epochs")


class Tolerance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rung's tolerance and where it comes from. `seen_in` had the largest difference."""

    rung: str
    tolerance: float
    largest_seen: float
    seen_in: str
    certificates: int
    seeds: int
    smooth: bool = False

    @property
    def source(self) -> str:
        """The origin in words."""
        return (
            f"{self.tolerance / self.largest_seen:.2g} x the largest of {self.certificates} "
            f"certificates over {self.seeds} seeds"
        )


class _Tolerances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tolerance: tuple[Tolerance, ...] = ()


@cache
def tolerances() -> dict[tuple[str, bool], Tolerance]:
    """Return the tolerances by the name of their rung, and whether for smooth networks alone."""
    text = resources.files("benchbench.certify").joinpath("tolerances.toml").read_bytes()
    known = msgspec.toml.decode(text, type=_Tolerances).tolerance
    return {(one.rung, one.smooth): one for one in known}


def is_smooth(model: ModelSpec) -> bool:
    """Say whether no activation with a kink and no maximum is in the network."""
    layers = [leaf.layer for leaf in model.leaves()]
    return not any(
        isinstance(layer, MaxPool2D)
        or not KINKED.isdisjoint({getattr(layer, name, "") for name in ("activation", "function")})
        for layer in layers
    )


def derive(certificates: Iterable[Certificate]) -> list[Tolerance]:
    """Return the tolerances that certificates of correct implementations give, in ladder order.

    Rungs that must agree exactly (their differences are all 0) have none. Certificates that declare
    a deviation say nothing about correct implementations and are left out. At the rungs of many
    steps the smooth networks of the catalog give another.
    """
    known = [one for one in certificates if not one.deviations]
    smooth = [one for one in known if one.model in MODELS and is_smooth(MODELS[one.model])]
    names = list(dict.fromkeys(rung.name for one in known for rung in one.rungs))
    found = []
    for name in names:
        found += _derived(name, known, smooth=False)
        if name in LONG_RUNGS:
            found += _derived(name, smooth, smooth=True)
    return found


def _derived(name: str, certificates: Iterable[Certificate], *, smooth: bool) -> list[Tolerance]:
    """Return the tolerance of one rung; none where nothing differs there."""
    seen = [
        (rung.worst, one)
        for one in certificates
        for rung in one.rungs
        if rung.name == name and rung.worst is not None
    ]
    largest, where = max(seen, key=lambda pair: pair[0], default=(0.0, None))
    if not largest or where is None:
        return []
    return [
        Tolerance(
            rung=name,
            tolerance=_round_up(MARGIN * largest),
            largest_seen=float(f"{largest:.3g}"),
            seen_in=f"{where.backend} {where.division}, {where.model}, seed {where.seed}",
            certificates=len(seen),
            seeds=len({one.seed for _, one in seen}),
            smooth=smooth,
        )
    ]


def _round_up(value: float) -> float:
    """Round up to one significant digit: 3.2e-5 to 4e-5."""
    exponent = math.floor(math.log10(value))
    return float(f"{math.ceil(value / 10**exponent)}e{exponent}")
