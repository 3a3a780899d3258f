"""One gate: both sides' cells found, certified, timed in turn, and judged."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbench.certificates import CertificateOrReason
from benchbench.experiments.gate import pairs as pairing
from benchbench.experiments.gate import sessions
from benchbench.experiments.gate.report import GateReport, objections
from benchbench.run.plan import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchbench.compare.contrast import Question
    from benchbench.data.chosen import Chosen
    from benchbench.experiments.gate.report import GateRow
    from benchbench.experiments.gate.sides import Sides
    from benchbench.experiments.listener import Listener
    from benchbench.plugins.registry import Registry
    from benchbench.run.plan import Cell
    from benchbench.run.store import Store
    from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The two sides, and all that their sessions have in common."""

    sides: Sides
    registry: Registry
    protocol: TrainingProtocol
    chosen: Chosen
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seed: int
    question: Question
    limits: sessions.Limits
    timeout: float
    certify: bool
    strict: bool

    def run(self, store: Store, listener: Listener) -> GateReport:
        """Compare the sides cell by cell. Raises CheckoutError."""
        notes = self._notes()
        for sentence in notes:
            listener.note(sentence)
        with self.sides.pairing(self.registry) as found:
            certificates: Mapping[Cell, CertificateOrReason] = dict.fromkeys(
                (cell for pair in found.pairs for cell in pair.cells),
                CertificateOrReason(reason="--no-certify was given"),
            )
            troubles = found.troubles
            if self.certify and not troubles:
                certificates, troubles = pairing.certify_pairs(
                    found,
                    self.registry,
                    protocol=self.protocol,
                    device=self.device,
                    threads=self.threads,
                    cpus=self.cpus,
                    timeout=self.timeout,
                    listener=listener,
                )
            # Before anything is timed: what is missing fails the gate, however fast the rest is.
            rows = [sessions.row(pair, trouble=troubles.get(pair)) for pair in found.pairs]
            if not troubles:
                rows = sessions.hold(
                    found.pairs,
                    functools.partial(self._session, certificates),
                    self.limits,
                    self.question,
                    store=store,
                    timeout=self.timeout,
                    listener=listener,
                )
        return self._report(rows, notes)

    def _notes(self) -> tuple[str, ...]:
        """Return what a reader should know before the figures."""
        notes = [*self.sides.notes()]
        if not self.certify:
            notes.append(
                "--no-certify: whether the two sides train the same function was not tested"
            )
        return tuple(notes)

    def _session(self, certificates: Mapping[Cell, CertificateOrReason]) -> Session:
        """Return a fresh session, without cells yet."""
        return Session(
            cells=(),
            protocol=self.protocol,
            dataset=self.chosen,
            device=self.device,
            threads=self.threads,
            cpus=self.cpus,
            seed=self.seed,
            certificates=tuple(certificates.items()),
        )

    def _report(self, rows: Sequence[GateRow], notes: tuple[str, ...]) -> GateReport:
        told = objections(rows, strict=self.strict)
        sides = self.sides
        return GateReport(
            ref=sides.ref,
            ref_commit=sides.commit,
            commit=sides.checkout.commit if sides.checkout else None,
            changes=sides.checkout.changes if sides.checkout else (),
            own=sides.own_name,
            other=sides.name,
            dataset=self.chosen.name,
            dataset_sha256=self.chosen.sha256,
            margin=self.question.margin,
            confidence=self.question.confidence,
            seed=self.seed,
            strict=self.strict,
            notes=notes,
            rows=tuple(rows),
            objections=told,
            passed=not told,
        )
