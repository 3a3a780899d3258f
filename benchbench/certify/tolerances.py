"""How far two right float32 implementations may differ: derived from how far they were seen to.

`tolerances.toml` holds, for each rung, the largest difference that correct implementations showed,
over how many certificates, and the tolerance: `MARGIN` times as much. `studies/tolerances.py` makes
it from saved certificates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

from benchbench.certificates import Certificate

# From the largest seen difference to the tolerance, at least. Below one that is too wide faults
# hide: the smallest of those known stand four times above these (docs/certificate.md).
MARGIN = 4


class Tolerance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rung's tolerance and where it comes from. `seen_in` had the largest difference."""

    rung: str
    tolerance: float
    largest_seen: float
    seen_in: str
    certificates: int
    seeds: int

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
def tolerances() -> dict[str, Tolerance]:
    """Return the tolerances by the name of their rung."""
    text = resources.files("benchbench.certify").joinpath("tolerances.toml").read_bytes()
    return {one.rung: one for one in msgspec.toml.decode(text, type=_Tolerances).tolerance}


def derive(certificates: Iterable[Certificate]) -> list[Tolerance]:
    """Return the tolerances that certificates of correct implementations give, in ladder order.

    Rungs that must agree exactly (their differences are all 0) have none. Certificates that declare
    a deviation say nothing about correct implementations and are left out.
    """
    known = [one for one in certificates if not one.deviations]
    names = list(dict.fromkeys(rung.name for one in known for rung in one.rungs))
    found = []
    for name in names:
        seen = [
            (rung.worst, one)
            for one in known
            for rung in one.rungs
            if rung.name == name and rung.worst is not None
        ]
        largest, where = max(seen, key=lambda pair: pair[0], default=(0.0, None))
        if not largest or where is None:
            continue
        found.append(
            Tolerance(
                rung=name,
                tolerance=_round_up(MARGIN * largest),
                largest_seen=float(f"{largest:.3g}"),
                seen_in=f"{where.backend} {where.division}, {where.model}, seed {where.seed}",
                certificates=len(seen),
                seeds=len({one.seed for _, one in seen}),
            )
        )
    return found


def _round_up(value: float) -> float:
    """Round up to one significant digit: 3.2e-5 to 4e-5."""
    exponent = math.floor(math.log10(value))
    return float(f"{math.ceil(value / 10**exponent)}e{exponent}")
