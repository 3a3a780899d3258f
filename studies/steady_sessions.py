"""Sessions of recorded models, drawn: what blocks cost, how they scatter, how long they are.

For `steady.py`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from noise_model import Noise
from scipy import stats
from simulation import run_template

from benchbench.compare.allocation import Aim, Costs, costs, steady_epochs
from benchbench.compare.contrast import Question
from benchbench.compare.estimate import quantile
from benchbench.experiments.aims import error_for_verdict
from benchbench.records import EpochRecord, Phases, RunRecord
from benchbench.run.store import read

CELLS = (("keras", "idiomatic"), ("keras", "tuned"), ("torch", "idiomatic"), ("torch", "tuned"))
PLAIN = 4
LEAST = 3
WIDTH = 0.02
PILOT = 5
QUESTION = Question()
_LIMIT = 3600.0


@dataclass(frozen=True)
class Model:
    """A recorded model: what its blocks cost, and the log-ratios to the first cell."""

    name: str
    costs: Costs
    log_ratios: tuple[float, ...]

    def seconds(self, lengths: Sequence[int]) -> float:
        """Return the machine time of blocks of so many steady epochs."""
        return sum(self.costs.start_seconds + n * self.costs.round_seconds for n in lengths)


class Draw:
    """Draws blocks of a model: log-times (cells, 1 + steady epochs)."""

    def __init__(self, noise: Noise, random: np.random.Generator) -> None:
        self._noise = noise
        self._random = random
        self._template = run_template()

    def block(self, model: Model, steady: int, process: float) -> np.ndarray:
        """Return log-times of one block; processes scatter by `process`."""
        cells, random, noise = len(CELLS), self._random, self._noise
        # The scatter of the record is by the middle half.
        scale = 0.6745 * math.sqrt(model.costs.within) / stats.t.ppf(0.75, noise.degrees)
        own = scale * random.standard_t(noise.degrees, (cells, steady))
        slow = random.random((cells, steady)) < noise.burst_rate
        own += slow * random.exponential(noise.burst_size, (cells, steady))
        walk = np.cumsum(random.normal(0, noise.drift, steady * cells)).reshape(steady, cells).T
        effects = np.array([0.0, *model.log_ratios]) + random.normal(0, process, cells)
        return effects[:, None] + own + random.permuted(walk, axis=0)

    def length(self, model: Model, blocks: Sequence[np.ndarray], aim: Aim) -> int:
        """Return the steady epochs that the code of `run` lays out after these first blocks."""
        runs = [run for number, one in enumerate(blocks) for run in self._runs(model, number, one)]
        return steady_epochs(runs, aim, _LIMIT, least=PLAIN)

    def _runs(self, model: Model, number: int, logs: np.ndarray) -> list[RunRecord]:
        runs = []
        for place, row in enumerate(logs):
            # In proportion to what the record says that a round takes.
            seconds = model.costs.round_seconds / len(CELLS) * np.exp(row - logs.mean())
            epochs = tuple(_epoch(float(one)) for one in (seconds[0], *seconds))
            total = model.costs.start_seconds / len(CELLS) + float(seconds.sum())
            phases = msgspec.structs.replace(_NO_PHASES, total=total)
            change = {"run_id": str(place), "block": number, "epochs": epochs, "phases": phases}
            runs.append(msgspec.structs.replace(self._template, **change))
        return runs


_NO_PHASES = Phases(*[0.0] * 11)


def _epoch(seconds: float) -> EpochRecord:
    return EpochRecord(seconds, 0.0, None, None, None, None)


def plain(_draw: Draw, _model: Model, _blocks: list[np.ndarray]) -> int:
    return PLAIN


def laid_out(draw: Draw, model: Model, blocks: list[np.ndarray], aim: Aim) -> int:
    if len(blocks) > 2:
        return int(blocks[2].shape[1])
    return draw.length(model, blocks, aim) if blocks else PLAIN


def narrow(draw: Draw, model: Model, blocks: list[np.ndarray]) -> int:
    """Lay a block out where the number of blocks is given."""
    return laid_out(draw, model, blocks, Aim())


def to_width(draw: Draw, model: Model, blocks: list[np.ndarray]) -> int:
    """Lay a block out for `--until 2%`."""
    error = math.log1p(WIDTH) / quantile(PILOT - 1, QUESTION.confidence)
    return laid_out(draw, model, blocks, Aim(error=error, least_blocks=PILOT))


def to_verdict(draw: Draw, model: Model, blocks: list[np.ndarray]) -> int:
    """Lay a block out for `--until verdict`."""
    if not blocks:
        return PLAIN
    first = blocks[:2]
    middles = [estimate_of(log_ratios(first, cell)) for cell in range(1, len(CELLS))]
    errors = [error_for_verdict(one, QUESTION) for one in middles]
    return laid_out(draw, model, blocks, Aim(error=min(errors), least_blocks=LEAST))


def estimate_of(logs: dict[int, list[float]]) -> float:
    return float(np.mean([np.median(one) for one in logs.values()]))


Rule = Callable[[Draw, Model, list[np.ndarray]], int]


def session(draw: Draw, model: Model, process: float, rule: Rule, count: int) -> list[np.ndarray]:
    """Return the blocks of a session of so many, each as long as the rule has it."""
    blocks: list[np.ndarray] = []
    for _ in range(count):
        blocks.append(draw.block(model, rule(draw, model, blocks), process))
    return blocks


def log_ratios(blocks: Sequence[np.ndarray], cell: int) -> dict[int, list[float]]:
    return {number: (one[cell] - one[0]).tolist() for number, one in enumerate(blocks)}


def recorded(folders: Sequence[Path]) -> list[Model]:
    """Return the models of which the records have whole blocks of the four cells."""
    runs: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for folder in folders:
        for run in read(folder)[0]:
            if (run.backend, run.division) in CELLS:
                runs[run.session_id, run.model].append(run)
    latest = {model: key for key in sorted(runs) for model in [key[1]]}
    return [_model(name, runs[key]) for name, key in latest.items()]


def _model(name: str, runs: Sequence[RunRecord]) -> Model:
    found = costs(runs)
    if found is None:
        raise SystemExit(f"{name}: no whole block of {CELLS}")
    times = {
        cell: np.mean(
            [
                np.median(np.log([epoch.train_seconds for epoch in run.epochs[1:]]))
                for run in runs
                if (run.backend, run.division) == cell
            ]
        )
        for cell in CELLS
    }
    base, *others = times.values()
    return Model(name, found, tuple(float(one - base) for one in others))
