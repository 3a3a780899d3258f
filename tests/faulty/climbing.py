"""The ladder, climbed with a trainer of another class."""

from __future__ import annotations

from benchbench_numpy.backend import NumpyBackend

from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from faulty.scoring import ALL_MODELS, sides

MODEL = ALL_MODELS["odd-sizes"]


class Backend(NumpyBackend):
    """The float32 NumPy backend with trainers of another class."""

    def __init__(self, kind):
        super().__init__("float32")
        self.kind = kind

    def trainer(self, model, protocol, *, device, division, threads, seed):
        return self.kind(model, protocol, dtype=self._dtype, threads=threads, seed=seed)


def compare(kind, model=MODEL):
    exercise, reference = sides(model)
    return CandidateMeasures(Implementation(Backend(kind)), reference, exercise)


def climb(kind, *deviations, model=MODEL):
    return {rung.name: rung for rung in Ladder(compare(kind, model), deviations).climb()}


def broken(rungs):
    return next(rung for rung in rungs.values() if rung.verdict == "breaks")
