"""`benchbench gate`: is this tree slower than another state of it? Both, interleaved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.cli import options
from benchbench.cli.progress import note, progress
from benchbench.experiments.contest import Limits
from benchbench.experiments.selection import find_processors
from benchbench.experiments.session import find_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchbench.certificates import Certificate
    from benchbench.compare.contrast import Question
    from benchbench.data.catalog import Chosen
    from benchbench.experiments.gate_report import GateReport, GateRow
    from benchbench.experiments.listener import Listener
    from benchbench.experiments.revisions.checkout import Checkout
    from benchbench.experiments.revisions.elsewhere import Elsewhere
    from benchbench.experiments.revisions.trees import Pair
    from benchbench.plugins.registry import Registry
    from benchbench.run.plan import Cell, Session
    from benchbench.run.store import Store
    from benchbench.spec.protocol import TrainingProtocol

_TIMEOUT_SECONDS = 1800.0


def gate(  # noqa: PLR0917 - one parameter an option
    against: Annotated[
        str, typer.Option("--against", help="The branch, tag or commit to compare this tree with.")
    ],
    backend: Annotated[
        list[str] | None,
        typer.Option("--backend", "-b", help="A backend; default: all of this checkout."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="A model, 'all', or a TOML file; default single-layer."),
    ] = None,
    division: Annotated[
        str, typer.Option(help="'all' compares every division a backend has.")
    ] = "all",
    device: options.Device = "auto",
    dataset: options.Dataset = "auto",
    margin: options.Margin = "3%",
    confidence: options.Confidence = "95%",
    blocks: Annotated[int, typer.Option(min=2, help="At least so many blocks of each cell.")] = 3,
    max_blocks: Annotated[
        int, typer.Option(min=2, help="At most so many, even if the intervals are still wide.")
    ] = 10,
    budget: Annotated[
        str | None,
        typer.Option(help="After so long (90s, 30m, 2h) no further block is begun in a session."),
    ] = None,
    epochs: options.EpochsOfEach = 11,
    threads: options.Threads = None,
    seed: Annotated[int, typer.Option(min=0, help="For first weights and shuffling.")] = 0,
    results: options.RecordsInto = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the images: for models with long epochs.")
    ] = False,
    certify: Annotated[
        bool, typer.Option(help="First certify the cells of both trees, each by its own code.")
    ] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on UNDECIDED as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, all there is.")] = False,
) -> None:
    """Compare this tree with another state of its repository; exit 1 if it is slower.

    Both are run interleaved in one session; what is slower must be so in a second session too.
    """
    from benchbench import quantities
    from benchbench.compare.contrast import Question
    from benchbench.experiments.revisions.checkout import find_checkout, find_commit
    from benchbench.experiments.revisions.trees import find_tree_cells
    from benchbench.plugins.registry import load_registry
    from benchbench.report.gate import render
    from benchbench.run.store import Store, results_folder
    from benchbench.spec.protocol import TrainingProtocol

    question = Question(
        margin=quantities.fraction(margin, "--margin"),
        confidence=quantities.fraction(confidence, "--confidence"),
    )
    limits = Limits(
        blocks, max(blocks, max_blocks), quantities.seconds(budget, "--budget") if budget else None
    )
    store = Store(results_folder(results))
    checkout = find_checkout(Path.cwd(), aside=store.folder.parent)
    commit = find_commit(checkout, against)
    registry = load_registry()
    cells = find_tree_cells(backend, division, model or ["single-layer"], registry, checkout.root)
    store.prepare()
    thread_count, cpus = find_processors(threads)
    report = _Gate(
        checkout=checkout,
        ref=against,
        ref_commit=commit,
        registry=registry,
        protocol=TrainingProtocol(epochs=epochs),
        chosen=find_dataset(
            dataset, registry, [cell.model for cell in cells], note=note, quick=quick
        ),
        device=device,
        threads=thread_count,
        cpus=cpus,
        seed=seed,
        question=question,
        limits=limits,
        store=store,
        timeout=timeout,
        certify=certify,
        strict=strict,
    ).compare(cells)
    print(_as_json(report) if as_json else render(report))
    raise typer.Exit(0 if report.passed else 1)


@dataclass(frozen=True, kw_only=True)
class _Gate:
    """One gate: the two trees, and all that their sessions have in common."""

    checkout: Checkout
    ref: str
    ref_commit: str
    registry: Registry
    protocol: TrainingProtocol
    chosen: Chosen
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seed: int
    question: Question
    limits: Limits
    store: Store
    timeout: float
    certify: bool
    strict: bool

    def compare(self, cells: Mapping[Cell, str]) -> GateReport:
        """Compare cells, with the words that name their models, and report."""
        from benchbench.experiments import contest
        from benchbench.experiments.revisions import trees
        from benchbench.experiments.revisions.checkout import beside

        notes = self._notes()
        for sentence in notes:
            note(sentence)
        with beside(self.checkout, self.ref_commit) as place, progress() as listener:
            name = f"{self.ref}@{self.ref_commit[:7]}"
            pairs, other, troubles = trees.find_pairs(
                cells,
                self.checkout,
                self.registry,
                name=name,
                place=place,
                commit=self.ref_commit,
            )
            certificates: Mapping[Cell, Certificate | str] = dict.fromkeys(
                (cell for pair in pairs for cell in pair.cells), "--no-certify was given"
            )
            if self.certify and not troubles:
                certificates, troubles = self._certify(pairs, other, listener)
            # Before anything is timed: what is missing fails the gate, however fast the rest is.
            rows = [contest.row(pair, trouble=troubles.get(pair)) for pair in pairs]
            if not troubles:
                rows = contest.hold(
                    pairs,
                    lambda: self._session(certificates),
                    self.limits,
                    self.question,
                    store=self.store,
                    timeout=self.timeout,
                    listener=listener,
                )
        return self._report(rows, notes)

    def _notes(self) -> tuple[str, ...]:
        """Return what a reader should know before the figures."""
        from benchbench.experiments.revisions.checkout import changes_in_words

        checkout, notes = self.checkout, []
        if checkout.changes:
            notes.append(
                f"this tree is {checkout.commit[:7]} with {changes_in_words(checkout.changes)}"
            )
        elif checkout.commit == self.ref_commit:
            notes.append(
                f"'{self.ref}' is the commit of this tree ({checkout.commit[:7]}), and nothing is "
                f"changed: the tree is compared with itself"
            )
        if not self.certify:
            notes.append(
                "--no-certify: nobody has shown that the two trees train the same function"
            )
        return tuple(notes)

    def _certify(
        self, pairs: Sequence[Pair], other: Elsewhere, listener: Listener
    ) -> tuple[Mapping[Cell, Certificate | str], dict[Pair, str]]:
        from benchbench.experiments.revisions import trees

        return trees.certify_pairs(
            pairs,
            other,
            self.registry,
            protocol=self.protocol,
            device=self.device,
            threads=self.threads,
            cpus=self.cpus,
            timeout=self.timeout,
            listener=listener,
        )

    def _session(self, certificates: Mapping[Cell, Certificate | str]) -> Session:
        """Return a fresh session, without cells yet."""
        from benchbench.run.plan import Session

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
        from benchbench.experiments.gate_report import GateReport, objections

        told = objections(rows, strict=self.strict)
        return GateReport(
            ref=self.ref,
            ref_commit=self.ref_commit,
            commit=self.checkout.commit,
            changes=self.checkout.changes,
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


def _as_json(report: GateReport) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode()
