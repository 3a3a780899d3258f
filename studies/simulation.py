"""Do the intervals and verdicts hold? `python studies/simulation.py --records DIR`

Fits a model of the machine's noise to recorded epochs of a backend beside itself, simulates
thousands of sessions with it, and puts them through `contrast` and `judge`. Prints, by the number
of blocks: how often the 95 % interval holds the truth, how often equals are called FASTER or SLOWER
in a table of eight, how often a difference of exactly the margin is, and how often slow-downs are
found. Beside it the naive design: one process after the other, epochs taken for independent.

`--study` compares the two kinds of intervals instead, on noise that is not of any machine.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from pathlib import Path

import msgspec
import numpy as np
from noise_model import Noise, fit, series
from scipy import stats

from benchbench.compare.contrast import Question, contrast
from benchbench.compare.verdicts import judge
from benchbench.machines import Machine
from benchbench.records import EpochRecord, RunRecord
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

BLOCKS = (3, 5, 10)
SLOWDOWNS = (0.03, 0.05, 0.10, 0.20)
TABLE = 8
# Turns that pass while the workers of a block start, import and build.
STARTING_TURNS = 10
# Of a ratio: processes by 2 % and epochs by 5 %, heavy-tailed; epochs alone; processes above all.
STUDIED = {
    "both": Noise(0, 0.02 / math.sqrt(2), 0.05 / math.sqrt(2), 4, 0, 0),
    "epochs alone": Noise(0, 0, 0.05 / math.sqrt(2), 4, 0, 0),
    "processes above all": Noise(0, 0.03 / math.sqrt(2), 0.02 / math.sqrt(2), 30, 0, 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, default=[], action="append")
    parser.add_argument("--study", action="store_true")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.study:
        sys.stdout.write(study(options.sessions, options.seed))
        return
    noise = fit([series(folder) for folder in options.records])
    print(f"Fitted: {noise}\n")
    simulator = Simulator(noise, options.epochs, np.random.default_rng(options.seed))
    sys.stdout.write(table(simulator, options.sessions))


class Simulator:
    """Draws sessions and puts them through the real comparison."""

    def __init__(self, noise: Noise, epochs: int, random: np.random.Generator) -> None:
        self.noise, self.epochs, self.random = noise, epochs, random
        self._template = run_template()

    def baton(self, blocks: int, effects: list[float]) -> list[np.ndarray]:
        """Draw log-times (blocks, epochs) of cells that take turns; `effects` are added to them."""
        cells = len(effects)
        times = np.empty((cells, blocks, self.epochs))
        for block in range(blocks):
            walk = self._walk(self.epochs * cells).reshape(self.epochs, cells)
            order = self.random.permuted(np.tile(np.arange(cells), (self.epochs, 1)), axis=1)
            for cell, effect in enumerate(effects):
                drift = walk[order == cell]
                times[cell, block] = effect + drift + self._own(self.epochs)
        return list(times)

    def alone(self, blocks: int, effects: list[float]) -> list[np.ndarray]:
        """Draw the same of cells that run one after the other, all blocks of one, then the next."""
        turns = (self.epochs + STARTING_TURNS) * blocks
        walk = self._walk(turns * len(effects)).reshape(len(effects), blocks, -1)
        return [
            effect
            + walk[cell, :, STARTING_TURNS:]
            + np.stack([self._own(self.epochs) for _ in range(blocks)])
            for cell, effect in enumerate(effects)
        ]

    def runs(self, times: np.ndarray, backend: str) -> list[RunRecord]:
        """Return log-times as the records of one cell."""
        return [
            msgspec.structs.replace(
                self._template,
                run_id=f"{backend}-{block}",
                block=block,
                backend=backend,
                epochs=tuple(_epoch(math.exp(value)) for value in row),
            )
            for block, row in enumerate(times)
        ]

    def _walk(self, turns: int) -> np.ndarray:
        return np.cumsum(self.random.normal(0, self.noise.drift, turns))

    def _own(self, count: int) -> np.ndarray:
        noise, random = self.noise, self.random
        own = noise.epoch_scale * random.standard_t(noise.degrees, count)
        bursts = random.random(count) < noise.burst_rate
        slow = bursts * random.exponential(noise.burst_size, count) if noise.burst_size else 0.0
        return own + slow + random.normal(0, noise.process)


def table(simulator: Simulator, sessions: int) -> str:
    """Return the tables as Markdown."""
    lines = [
        "| blocks | coverage | width | false, table of 8 | at the margin | "
        + " | ".join(f"{100 * one:g} %" for one in SLOWDOWNS)
        + " |",
        "|---" * (5 + len(SLOWDOWNS)) + "|",
    ]
    for blocks in BLOCKS:
        print(f"{blocks} blocks", file=sys.stderr, flush=True)
        held, width = coverage(simulator, blocks, sessions, Question())
        found = [verdicts(simulator, blocks, sessions // 2, math.log1p(one)) for one in SLOWDOWNS]
        at_margin = verdicts(simulator, blocks, sessions, Question().log_margin)
        cells = [
            f"{100 * held:.1f} %",
            f"±{100 * width:.1f} %",
            f"{100 * false_in_tables(simulator, blocks, sessions // 4):.1f} %",
            f"{100 * at_margin:.1f} %",
            *(f"{100 * one:.0f} %" for one in found),
        ]
        lines.append(f"| {blocks} | {' | '.join(cells)} |")
    lines += ["", "| blocks | naive coverage | naive false | times the epochs |", "|---" * 4 + "|"]
    for blocks in BLOCKS:
        held, false, gain = naive(simulator, blocks, sessions)
        lines.append(f"| {blocks} | {100 * held:.0f} % | {100 * false:.0f} % | {gain:.0f} |")
    return "\n".join(lines) + "\n"


def study(sessions: int, seed: int) -> str:
    """Return how often the interval holds the truth, by what varies, as Markdown."""
    lines = ["| what varies | blocks | epochs | Student's t |", "|---" * 4 + "|"]
    for words, noise in STUDIED.items():
        for blocks, epochs in itertools.product(BLOCKS, (5, 11)):
            simulator = Simulator(noise, epochs, np.random.default_rng(seed))
            held, _ = coverage(simulator, blocks, sessions, Question())
            lines.append(f"| {words} | {blocks} | {epochs - 1} | {100 * held:.1f} % |")
    return "\n".join(lines) + "\n"


def coverage(
    simulator: Simulator, blocks: int, sessions: int, question: Question
) -> tuple[float, float]:
    """Return how often the interval of the ratio of equals holds 1, and its median half-width."""
    held, widths = [], []
    for _ in range(sessions):
        own, other = simulator.baton(blocks, [0.0, 0.0])
        ratio = contrast(simulator.runs(own, "a"), simulator.runs(other, "b"), question).steady
        held.append(ratio.low <= 1 <= ratio.high)
        widths.append(ratio.half_width)
    return float(np.mean(held)), float(np.median(widths))


def verdicts(simulator: Simulator, blocks: int, sessions: int, effect: float) -> float:
    """Return how often a cell that takes exp(effect) times as long comes out SLOWER."""
    return float(
        np.mean(
            [_verdicts(simulator, blocks, [0.0, effect]) == ["SLOWER"] for _ in range(sessions)]
        )
    )


def false_in_tables(simulator: Simulator, blocks: int, sessions: int) -> float:
    """Return how often a table of equals holds any FASTER or SLOWER."""
    found = [_verdicts(simulator, blocks, [0.0] * (TABLE + 1)) for _ in range(sessions)]
    return float(np.mean([bool({"FASTER", "SLOWER"} & set(one)) for one in found]))


def naive(simulator: Simulator, blocks: int, sessions: int) -> tuple[float, float, float]:
    """Return coverage, false claims of a difference, and how many times the epochs it takes.

    Welch's interval of the difference of mean log-times, every epoch taken for independent. The
    last is the ratio of the variances of the two designs' estimates.
    """
    held, false, apart, beside = [], [], [], []
    for _ in range(sessions):
        own, other = (one[:, 1:].ravel() for one in simulator.alone(blocks, [0.0, 0.0]))
        low, high = stats.ttest_ind(own, other, equal_var=False).confidence_interval()
        held.append(low <= 0 <= high)
        margin = Question().log_margin
        false.append(low > margin or high < -margin)
        apart.append(own.mean() - other.mean())
        own, other = (one[:, 1:] for one in simulator.baton(blocks, [0.0, 0.0]))
        beside.append(np.median(own - other, axis=1).mean())
    return float(np.mean(held)), float(np.mean(false)), float(np.var(apart) / np.var(beside))


def _verdicts(simulator: Simulator, blocks: int, effects: list[float]) -> list[str]:
    first, *others = simulator.baton(blocks, effects)
    baseline = simulator.runs(first, "a")
    question = Question()
    contrasts = [contrast(simulator.runs(one, "b"), baseline, question) for one in others]
    return [one.verdict for one in judge(contrasts, question)]


def _epoch(seconds: float) -> EpochRecord:
    return EpochRecord(
        train_seconds=seconds,
        validation_seconds=0.0,
        train_cpu_seconds=None,
        loss=None,
        validation_loss=None,
        validation_accuracy=None,
    )


def run_template() -> RunRecord:
    model, protocol = MODELS["single-layer"], TrainingProtocol()
    return RunRecord(
        run_id="",
        session_id="simulated",
        block=0,
        status="ok",
        backend="",
        division="idiomatic",
        model=model.name,
        dataset="none",
        device="cpu",
        threads=1,
        seed=0,
        order_seed=0,
        spec=model,
        protocol=protocol,
        spec_sha256=spec_sha256(model, protocol),
        machine=Machine(
            system="",
            processor="",
            physical_cores=None,
            usable_cores=1,
            memory_bytes=0,
            python="",
        ),
        started="",
        finished="",
    )


if __name__ == "__main__":
    main()
