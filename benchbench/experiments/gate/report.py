"""What a gate finds: two trees, cell by cell, and the rule by which it passes or fails."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchbench.compare.contrast import Contrast, TimeVerdict


class PairTimes(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of both trees in one session; the other tree's is the baseline.

    Seconds are geometric means over blocks of the medians of the steady epochs.
    """

    session_id: str
    own_seconds: float | None
    baseline_seconds: float | None
    contrast: Contrast

    @property
    def verdict(self) -> TimeVerdict:
        return self.contrast.verdict

    @property
    def reason(self) -> str:
        return self.contrast.reason

    @property
    def ratio(self) -> str:
        """This tree's time over the other's, with its interval: "1.33 (1.30 to 1.36)"."""
        return str(self.contrast.steady) if self.contrast.steady else "unknown"


class GateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cell. Where it is SLOWER, `second` is the session that was to confirm it.

    `trouble` is why it could not be compared, or not a second time.
    """

    model: str
    backend: str
    division: str
    first: PairTimes | None = None
    second: PairTimes | None = None
    trouble: str | None = None

    @property
    def cell(self) -> str:
        return f"{self.model} {self.backend} {self.division}"

    @property
    def confirmed(self) -> bool:
        """Whether two sessions, each for itself, say that it is slower."""
        return bool(self.second and self.second.verdict == "SLOWER")

    def objection(self, *, strict: bool) -> str | None:
        """Return why the gate fails over this cell; None if it does not."""
        if self.trouble or self.first is None:
            return self.trouble or "it was not compared"
        if self.first.verdict == "SLOWER":
            return self._slower(self.first)
        if self.first.verdict in {"EXPLORATORY", "NOISY"}:
            return f"no verdict: {self.first.reason}"
        if strict and self.first.verdict == "UNDECIDED":
            return f"UNDECIDED, and --strict was given: {self.first.ratio}"
        return None

    def _slower(self, first: PairTimes) -> str | None:
        if self.second is None:
            return f"SLOWER: {first.ratio}, and no second session"
        if self.confirmed:
            return f"SLOWER: {first.ratio}, confirmed: {self.second.ratio}"
        return None


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that a gate found; `objections` are the reasons for which it fails, if it does.

    `commit` and `changes` are of this tree; commits are null where no revision is compared. `own`
    and `other` are the sides as tables call them. `margin` is a fraction.
    """

    ref: str
    ref_commit: str | None
    commit: str | None
    changes: tuple[str, ...]
    own: str = "this tree"
    other: str = ""
    dataset: str
    dataset_sha256: str | None
    margin: float
    confidence: float
    seed: int
    strict: bool
    notes: tuple[str, ...]
    rows: tuple[GateRow, ...]
    objections: tuple[str, ...]
    passed: bool


def objections(rows: Sequence[GateRow], *, strict: bool) -> tuple[str, ...]:
    """Return every reason to fail; that nothing was compared is one."""
    if not rows:
        return ("there is no cell to compare",)
    told = [(row.cell, row.objection(strict=strict)) for row in rows]
    return tuple(f"{cell}: {reason}" for cell, reason in told if reason)
