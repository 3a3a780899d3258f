"""What an audit of a run says: epochs that the reference repeated, and how far it came from it."""

from __future__ import annotations

import msgspec


class AuditedEpoch(msgspec.Struct, frozen=True):
    """One epoch, from 1: how far its change of the weights is off, relative, and what is allowed.

    `difference` is null where it is not a finite number.
    """

    number: int
    difference: float | None
    tolerance: float

    @property
    def breaks(self) -> bool:
        """Whether it is off by more than is allowed."""
        return self.difference is None or self.difference > self.tolerance


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What came of repeating a run's epochs in the order that its backend states for them.

    `reason` says why no epoch was repeated, or no further one. `fault` is what is wrong with the
    stated order by itself. `seconds` are those that the audit took, of the last turn.
    """

    epochs: tuple[AuditedEpoch, ...] = ()
    reason: str | None = None
    fault: str | None = None
    seconds: float = 0.0

    @property
    def objection(self) -> str | None:
        """Why the run did not train as it was certified; None where nothing speaks against it."""
        if self.fault:
            return f"audit: {self.fault}"
        broken = next((epoch for epoch in self.epochs if epoch.breaks), None)
        if broken is None:
            return None
        size = "no finite number" if broken.difference is None else f"{broken.difference:.1e}"
        return (
            f"audit: expected epoch {broken.number} to change the weights as the reference does "
            f"with the same samples in the order that the backend states, within "
            f"{broken.tolerance:.0e}, found a difference of {size}"
        )
