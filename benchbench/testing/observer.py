"""An observer that remembers what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchbench.plugins.contract import Score


@dataclass
class RecordingObserver:
    """Keeps every call in order: a trained epoch's loss, a validated epoch's score."""

    calls: list[tuple[str, float | Score | None]] = field(default_factory=list)

    def epoch_trained(self, loss: float | None) -> None:
        self.calls.append(("epoch_trained", loss))

    def epoch_validated(self, score: Score) -> None:
        self.calls.append(("epoch_validated", score))

    @property
    def names(self) -> list[str]:
        """The methods called, in order."""
        return [name for name, _ in self.calls]

    @property
    def losses(self) -> list[float | None]:
        """What `epoch_trained` was told, epoch by epoch."""
        return [told for _, told in self.calls if not isinstance(told, Score)]

    @property
    def scores(self) -> list[Score]:
        """What `epoch_validated` was told, epoch by epoch."""
        return [told for _, told in self.calls if isinstance(told, Score)]
