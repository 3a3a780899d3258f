"""Do stopping rules keep their word? `python studies/stopping.py --records results/selftest`

Fits the model of the machine's noise to recorded epochs of a backend beside itself, draws blocks
from it, scales their scatter to several true ones, and lets sessions run by the rules of `run`: a
width of 2 %, and until there is a verdict. Prints how often intervals hold the truth, how often a
verdict is false, and how many blocks it takes. Beside a width: the rule of before, which stopped
when Student's interval of all blocks was narrow.

What is weighed is weighed by `benchbench.compare`, block medians in, verdicts out.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from noise_model import Noise, fit, series

from benchbench.compare.contrast import CellName, Contrast, Question, Ratio, weigh
from benchbench.compare.estimate import blocks_for_width, estimate
from benchbench.compare.verdicts import judge
from benchbench.records import Stopping

SCATTERS = (0.005, 0.01, 0.015, 0.02, 0.03)
WIDTH = 0.02
PILOT = 5
LEAST = 3
# A session in which each block takes half a minute and the budget is half an hour.
MOST = 60
TABLE, TABLE_MOST = 8, 30
QUESTION = Question()
MARGIN = QUESTION.log_margin
CELL = CellName("a", "idiomatic")


@dataclass(frozen=True)
class End:
    """How a session ended: its blocks, the verdict of each row, whether intervals held."""

    blocks: int
    verdicts: tuple[str, ...]
    held: bool


class Blocks:
    """Draws the medians of blocks' log-ratios, as the noise makes them, at a given scatter.

    One pool is drawn for all; sessions take from it at random. Rows share their baseline.
    """

    def __init__(self, noise: Noise, epochs: int, random: np.random.Generator, pool: int) -> None:
        times = _times(noise, TABLE + 1, epochs, pool, random)[:, 1:]
        medians = np.median(times[:, :, 1:] - times[:, :, :1], axis=1)
        self._pool = (medians - medians.mean()) / medians.std()
        self._random = random

    def session(self, scatter: float, effects: Sequence[float], most: int = MOST) -> np.ndarray:
        """Return medians (most, rows) whose truth are the effects, log-ratios."""
        taken = self._pool[self._random.integers(len(self._pool), size=most)]
        return scatter * taken[:, : len(effects)] + np.array(effects)


def until_verdict(medians: np.ndarray, truth: Sequence[float]) -> End:
    """Let a session run until every row has a verdict."""
    rule = Stopping("verdict")
    for count in range(LEAST, len(medians) + 1):
        verdicts = _verdicts(medians[:count], rule)
        if "UNDECIDED" not in verdicts:
            break
    return End(count, verdicts, _held(medians[:count], truth, rule))


def until_width(medians: np.ndarray, truth: Sequence[float]) -> End:
    """Let a session run to the number of blocks that its pilot settles."""
    rule = Stopping("width", PILOT)
    scatter = float(medians[:PILOT].std(axis=0, ddof=1).max())
    count = blocks_for_width(scatter, PILOT, WIDTH, QUESTION.confidence)
    if count > len(medians):
        raise SystemExit(f"a session needs {count} blocks; draw more than {len(medians)}")
    return End(count, _verdicts(medians[:count], rule), _held(medians[:count], truth, rule))


def fixed(medians: np.ndarray, truth: Sequence[float]) -> End:
    """Let a session run to a number of blocks that was given."""
    return End(len(medians), _verdicts(medians, None), _held(medians, truth, None))


def until_narrow(medians: np.ndarray, truth: Sequence[float]) -> End:
    """Let a session run until Student's interval is narrow, as before November 2026."""
    for count in range(LEAST, len(medians) + 1):
        low, high = estimate(_by_block(medians[:count, 0])).interval(QUESTION.confidence)
        if (high - low) / 2 <= math.log1p(WIDTH):
            break
    return End(count, _verdicts(medians[:count], None), low <= truth[0] <= high)


def many(
    blocks: Blocks,
    rule: Callable[[np.ndarray, Sequence[float]], End],
    truth: tuple[float, Sequence[float]],
    sessions: int,
    most: int = MOST,
) -> list[End]:
    """Return how so many sessions of one truth end: a scatter, and the effects of the rows."""
    scatter, effects = truth
    return [rule(blocks.session(scatter, effects, most), effects) for _ in range(sessions)]


def share(ends: Sequence[End], *verdicts: str) -> float:
    """Return in which share of the sessions any row has one of these verdicts."""
    return float(np.mean([bool(set(verdicts) & set(end.verdicts)) for end in ends]))


def widths(blocks: Blocks, sessions: int) -> list[str]:
    """Return the table of `--until 2%`, line by line."""
    lines = [
        "| true scatter | holds | blocks, mean | of 10, 9 within | rule of before holds | blocks |",
        "|---" * 6 + "|",
    ]
    for scatter in SCATTERS:
        ends = many(blocks, until_width, (scatter, [0.05]), sessions, most=600)
        before = many(blocks, until_narrow, (scatter, [0.05]), sessions, most=600)
        lines.append(
            f"| {100 * scatter:g} % | {_percent([one.held for one in ends])} | {_counts(ends)} | "
            f"{_percent([one.held for one in before])} | "
            f"{np.mean([one.blocks for one in before]):.1f} |"
        )
    return lines


def verdicts(blocks: Blocks, sessions: int) -> list[str]:
    """Return the table of `--until verdict`, of one ratio."""
    lines = [
        "| true scatter | holds | at the margin: SLOWER | SAME | either | equals: FASTER or SLOWER "
        "| SAME after | 1.1 times after | 1.4 times after |",
        "|---" * 9 + "|",
    ]
    for scatter in SCATTERS:
        margin, same, tenth, large = (
            many(blocks, until_verdict, (scatter, [effect]), sessions)
            for effect in (MARGIN, 0.0, math.log(1.1), math.log(1.4))
        )
        cells = [
            f"{100 * scatter:g} %",
            _percent([one.held for ends in (margin, same, tenth, large) for one in ends]),
            _share(margin, "SLOWER"),
            _share(margin, "SAME"),
            _share(margin, "SLOWER", "SAME"),
            _share(same, "FASTER", "SLOWER"),
            *map(_after, (same, tenth, large)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def tables(blocks: Blocks, sessions: int) -> list[str]:
    """Return the table of `--until verdict` over a table of eight rows with one baseline."""
    lines = [
        "| true scatter | equals: any FASTER or SLOWER | all at the margin: any SLOWER | any SAME "
        "| 1.4 times, all decided after |",
        "|---" * 5 + "|",
    ]
    for scatter in SCATTERS:
        same, margin, large = (
            many(blocks, until_verdict, (scatter, [effect] * TABLE), sessions, most=TABLE_MOST)
            for effect in (0.0, MARGIN, math.log(1.4))
        )
        cells = [
            f"{100 * scatter:g} %",
            _share(same, "FASTER", "SLOWER"),
            _share(margin, "SLOWER"),
            _share(margin, "SAME"),
            _after(large),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True, action="append")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--bursts", type=int, default=1, help="so many times the bursts")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    noise = fit([series(folder) for folder in options.records])
    noise = replace(noise, burst_rate=options.bursts * noise.burst_rate)
    words = f"{options.bursts} times the bursts" if options.bursts > 1 else "The noise as recorded"
    blocks = Blocks(noise, options.epochs, np.random.default_rng(options.seed), pool=50_000)
    lines = [f"## {words}", "", "`--until 2%`:", "", *widths(blocks, options.sessions)]
    lines += ["", "`--until verdict`, one ratio:", "", *verdicts(blocks, options.sessions)]
    lines += ["", f"`--until verdict`, a table of {TABLE}:", ""]
    lines += [*tables(blocks, max(1, options.sessions // 4)), ""]
    sys.stdout.write("\n".join(lines) + "\n")


def _times(
    noise: Noise, cells: int, epochs: int, count: int, random: np.random.Generator
) -> np.ndarray:
    """Draw log-times (blocks, epochs, cells) of cells that take turns."""
    turns = random.normal(0, noise.drift, (count, epochs * cells)).cumsum(axis=1)
    drift = random.permuted(turns.reshape(count, epochs, cells), axis=2)
    shape = drift.shape
    own = noise.epoch_scale * random.standard_t(noise.degrees, shape)
    slow = (random.random(shape) < noise.burst_rate) * random.exponential(1, shape)
    process = random.normal(0, noise.process, (count, 1, cells))
    return drift + own + noise.burst_size * slow + process


def _by_block(medians: np.ndarray) -> dict[int, list[float]]:
    return {number: [float(value)] for number, value in enumerate(medians)}


def _verdicts(medians: np.ndarray, rule: Stopping | None) -> tuple[str, ...]:
    rows = [_contrast(row, rule) for row in medians.T]
    return tuple(one.verdict for one in judge(rows, QUESTION))


def _contrast(medians: np.ndarray, rule: Stopping | None) -> Contrast:
    count = len(medians)
    ratio = Ratio(ratio=math.exp(medians.mean()), block_count=count, pair_count=count)
    return Contrast(
        model="",
        cell=CELL,
        baseline=CELL,
        steady=ratio,
        first_epoch=None,
        cold_total=None,
        evidence=weigh(_by_block(medians), QUESTION, rule),
    )


def _held(medians: np.ndarray, truth: Sequence[float], rule: Stopping | None) -> bool:
    """Say whether the interval of every row holds its truth."""
    intervals = [estimate(_by_block(row), rule).interval(QUESTION.confidence) for row in medians.T]
    return all(low <= true <= high for (low, high), true in zip(intervals, truth, strict=True))


def _share(ends: Sequence[End], *verdicts: str) -> str:
    return f"{100 * share(ends, *verdicts):.1f} %"


def _percent(held: Sequence[bool]) -> str:
    return f"{100 * np.mean(held):.1f} %"


def _counts(ends: Sequence[End]) -> str:
    counts = [one.blocks for one in ends]
    return f"{np.mean(counts):.1f} | {np.quantile(counts, 0.9):.0f}"


def _after(ends: Sequence[End]) -> str:
    """Write the mean number of blocks; how many sessions ended without a verdict, if any."""
    text = f"{np.mean([one.blocks for one in ends]):.1f}"
    unsettled = share(ends, "UNDECIDED")
    return text if not unsettled else f"{text} ({100 * unsettled:.0f} % open at the end)"


if __name__ == "__main__":
    main()
