"""Who is told how an experiment goes: nothing in this room prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchbench.experiments.certification_messages import Certification
from benchbench.records import EpochRecord, RunRecord
from benchbench.run.conductor import RunListener
from benchbench.run.messages import RunRequest


class Listener(RunListener, Protocol):
    """Hears of certificates, runs and epochs, between turns only: no worker is at work then."""

    def note(self, text: str) -> None:
        """Take a sentence for the user: where the data is from, how far the session has come."""

    def certifying(self, rung: str) -> None:
        """A rung is climbed: "single-layer torch idiomatic: forward"."""

    def certified(self, certification: Certification) -> None:
        """A cell has a certificate, made now or kept, or there is a reason why it has none."""


class Silent:
    """A listener that keeps to itself."""

    def note(self, text: str) -> None: ...

    def certifying(self, rung: str) -> None: ...

    def certified(self, certification: Certification) -> None: ...

    def group_started(self, requests: Sequence[RunRequest]) -> None: ...

    def epoch_done(self, request: RunRequest, number: int, epoch: EpochRecord) -> None: ...

    def run_finished(self, record: RunRecord) -> None: ...
