"""One backend's division, certified on specs drawn at random, in this process."""

from __future__ import annotations

import contextlib
import gc
import itertools
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from strategies import exercises

from benchbench.certificates import Rung
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import STARTS, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import REFERENCE, Reference
from benchbench.errors import Unsupported
from benchbench.experiments.names import find_backend
from benchbench.plugins.registry import load_registry
from benchbench.spec.files import dump
from benchbench.spec.protocol import TrainingProtocol

# So many specs a division does the ordinary test command try.
FEW = 3


class Broken(Exception):  # noqa: N818 - what is looked for, not an error
    """The ladder broke, as hypothesis wants to be told."""


@dataclass(frozen=True)
class Cell:
    """What is fuzzed, and where the specs that break it are written."""

    backend: str
    division: str
    device: str
    folder: Path

    @property
    def model_file(self) -> Path:
        return self.folder / f"{self.backend}-{self.division}.toml"

    @property
    def protocol_file(self) -> Path:
        return self.folder / f"{self.backend}-{self.division}-protocol.toml"


class Fuzzer:
    """Climbs the ladder for one spec after another, and remembers the smallest that broke.

    `quick`: from one starting point a spec, of the three in turn: to trace Keras's models takes
    half a minute a spec for all of them.
    """

    def __init__(self, cell: Cell, *, quick: bool = False) -> None:
        registry = load_registry()
        self._info = find_backend(cell.backend, registry)
        self._candidate = Implementation(self._info.create(), cell.division, cell.device)
        self._reference = Implementation(registry.backend(REFERENCE).create())
        self._cell = cell
        self._quick = quick
        self._counts = {"specs": 0, "skipped": 0, "uncertified": 0}
        self._broken: tuple[Exercise, Rung] | None = None

    def fuzz(self, specs: int, seed_number: int, portion: range) -> int:
        """Draw so many specs; try a portion, to the first that breaks; return the exit code.

        How many were tried, skipped, not to be certified by anybody, and broke goes to stdout, what
        a break looks like to stderr.
        """
        number = itertools.count()

        @seed(seed_number)
        @settings(
            max_examples=specs,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(exercises())
        def holds(exercise: Exercise) -> None:
            # What is drawn after a break is smaller, and looks for the smallest.
            if next(number) in portion or self._broken:
                self._try(exercise)

        with contextlib.suppress(Broken):
            holds()
        failures = int(self._broken is not None)
        if self._broken:
            print(self._told(*self._broken), file=sys.stderr, flush=True)
        else:
            self._clear()
        print(*self._counts.values(), failures, flush=True)
        return failures

    def _try(self, exercise: Exercise) -> None:
        # Written beforehand: should the process die of it, this is the spec that it died of.
        self._write(exercise)
        if self._broken is None:
            self._counts["specs"] += 1
        try:
            rung = self._climb(exercise)
        except Unsupported as refusal:
            # The reference's word on a network that hangs on roundings, or else the backend's.
            of_reference = str(refusal).startswith("no certificate can be made")
            self._count("uncertified" if of_reference else "skipped")
            return
        # While a break is shrunk it must not turn into another.
        if rung and (self._broken is None or self._broken[1].name == rung.name):
            self._broken = exercise, rung
            raise Broken

    def _climb(self, exercise: Exercise) -> Rung | None:
        """Return the rung that breaks. Raises Unsupported."""
        reference = Reference(self._reference, exercise)
        measures = CandidateMeasures(self._candidate, reference, exercise)
        deviations = [
            one
            for one in self._info.deviations
            if self._cell.division in one.divisions and one.applies(exercise.model)
        ]
        tried = self._counts["specs"]
        starts = [STARTS[tried % len(STARTS)]] if self._quick else STARTS
        rungs = Ladder(measures, deviations, starts=starts).climb()
        del measures
        # A framework's models refer to themselves. TensorFlow keeps thousands of objects of each:
        # to look through them again and again would take longer than to train.
        gc.collect()
        gc.freeze()
        return next((rung for rung in rungs if rung.verdict == "breaks"), None)

    def _count(self, what: str) -> None:
        # What is tried to shrink a break does not count.
        self._counts[what] += self._broken is None

    def _told(self, exercise: Exercise, rung: Rung) -> str:
        """Say what broke, on which spec, and how to see it again."""
        words = [
            *("benchbench", "certify", "--backend", self._cell.backend),
            *("--division", self._cell.division, "--device", self._cell.device),
            *("--model", str(self._cell.model_file), "--seed", str(exercise.seed)),
            *("--threads", "1"),
        ]
        if exercise.protocol != TrainingProtocol():
            words += ["--protocol", str(self._cell.protocol_file)]
        return (
            f"{self._cell.backend} {self._cell.division} BREAKS at {rung.summary}\n"
            f"{rung.explanation}\n\n{dump(exercise.model)}\n{dump(exercise.protocol)}\n"
            f"See it again:\n    {shlex.join(words)}\n"
        )

    def _write(self, exercise: Exercise) -> None:
        self._cell.folder.mkdir(parents=True, exist_ok=True)
        self._cell.model_file.write_text(dump(exercise.model))
        self._cell.protocol_file.write_text(dump(exercise.protocol))

    def _clear(self) -> None:
        """Remove the files: nothing broke."""
        self._cell.model_file.unlink(missing_ok=True)
        self._cell.protocol_file.unlink(missing_ok=True)
