"""What do further steady epochs save? `python studies/steady.py --records results/verdicts`

Takes from recorded sessions what a block of each model costs (torch and Keras, idiomatic and tuned:
its start, a round of epochs) and how its epochs scatter, and draws sessions from that: processes
scatter by 0, 1 or 2 %, epochs with the tails and bursts of `--noise`. Lets sessions run by
`--steady-epochs auto`, laid out by the code of `run`, beside plain ones, whose blocks have the
protocol's epochs alone. Prints how often intervals hold the truth, the machine time for the
interval of five plain blocks, for one of 2 %, and until every ratio of the table has a verdict.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from noise_model import fit, series
from steady_sessions import (
    CELLS,
    LEAST,
    PILOT,
    PLAIN,
    QUESTION,
    WIDTH,
    Draw,
    Model,
    Rule,
    log_ratios,
    narrow,
    plain,
    recorded,
    session,
    to_verdict,
    to_width,
)

from benchbench.compare.contrast import OPEN, CellName, Contrast, Ratio, weigh
from benchbench.compare.estimate import blocks_for_width, estimate
from benchbench.compare.verdicts import judge
from benchbench.records import Stopping

BLOCKS = (3, 5, 10)
PROCESSES = (0.0, 0.01, 0.02)
MOST = 30


@dataclass(frozen=True)
class Outcome:
    """Of many sessions: the share of intervals that hold, half-width, seconds, last block's n."""

    held: float
    width: float
    seconds: float
    steady: float


def outcome(  # noqa: PLR0917
    draw: Draw, model: Model, process: float, rule: Rule, count: int, sessions: int
) -> Outcome:
    held, widths, seconds, steady = [], [], [], []
    for _ in range(sessions):
        blocks = session(draw, model, process, rule, count)
        for cell, truth in enumerate(model.log_ratios, 1):
            low, high = estimate(log_ratios(blocks, cell)).interval(QUESTION.confidence)
            held.append(low <= truth <= high)
            widths.append((high - low) / 2)
        seconds.append(model.seconds([one.shape[1] for one in blocks]))
        steady.append(blocks[-1].shape[1])
    return Outcome(*(float(np.mean(one)) for one in (held, widths, seconds, steady)))


def intervals(draw: Draw, models: Sequence[Model], sessions: int) -> list[str]:
    """Return the table of coverage and of machine time for the interval of five plain blocks."""
    lines = [
        "| model | processes scatter by | steady epochs, auto | holds, 3 / 5 / 10 blocks, auto | "
        "plain | half-width of 5 blocks, plain | auto | seconds, plain | auto "
        "| seconds for the plain interval, auto |",
        "|---" * 10 + "|",
    ]
    for process in PROCESSES:
        for model in models:
            of_plain, of_auto = (
                {count: outcome(draw, model, process, rule, count, sessions) for count in BLOCKS}
                for rule in (plain, narrow)
            )
            five, long = of_plain[5], of_auto[5]
            lines.append(
                f"| {model.name} | {100 * process:g} % | {long.steady:.0f} | "
                f"{_shares(of_auto)} | {_shares(of_plain)} | {100 * five.width:.1f} % | "
                f"{100 * long.width:.1f} % | {five.seconds:.0f} | {long.seconds:.0f} | "
                f"{_seconds_for(draw, model, process, five, sessions)} |"
            )
    return lines


def _seconds_for(draw: Draw, model: Model, process: float, wanted: Outcome, sessions: int) -> str:
    """Write the machine time of as few blocks, laid out, as have an interval as narrow."""
    for count in range(LEAST, MOST):
        found = outcome(draw, model, process, narrow, count, max(20, sessions // 4))
        if found.width <= wanted.width:
            share = found.seconds / wanted.seconds
            return f"{found.seconds:.0f} ({count} blocks, {100 * share:.0f} %)"
    return "more"


def _shares(found: dict[int, Outcome]) -> str:
    return " / ".join(f"{100 * one.held:.1f}" for one in found.values()) + " %"


def widths(draw: Draw, models: Sequence[Model], sessions: int) -> list[str]:
    """Return the table of `--until 2%`: blocks, machine time and coverage."""
    lines = [
        "| model | processes scatter by | blocks, plain | seconds | holds | blocks, auto | seconds "
        "| holds | steady epochs | seconds, auto / plain |",
        "|---" * 10 + "|",
    ]
    for process in PROCESSES:
        for model in models:
            found = [
                [_until_width(draw, model, process, rule) for _ in range(sessions)]
                for rule in (plain, to_width)
            ]
            cells = []
            for ends in found:
                count, seconds, held, steady = (
                    float(np.mean(one)) for one in zip(*ends, strict=True)
                )
                cells += [f"{count:.1f}", f"{seconds:.0f}", f"{100 * held:.1f} %"]
            share = np.mean([one[1] for one in found[1]]) / np.mean([one[1] for one in found[0]])
            lines.append(
                f"| {model.name} | {100 * process:g} % | {' | '.join(cells)} | {steady:.0f} | "
                f"{100 * share:.0f} % |"
            )
    return lines


def _until_width(
    draw: Draw, model: Model, process: float, rule: Rule
) -> tuple[int, float, float, int]:
    """Return blocks, seconds, the share of rows that hold, and the steady epochs of the last."""
    blocks = session(draw, model, process, rule, PILOT)
    cells = range(1, len(CELLS))
    scatters = [
        np.std([np.median(one) for one in log_ratios(blocks, cell).values()], ddof=1)
        for cell in cells
    ]
    total = blocks_for_width(float(max(scatters)), PILOT, WIDTH, QUESTION.confidence)
    while len(blocks) < total:
        blocks.append(draw.block(model, rule(draw, model, blocks), process))
    stopping = Stopping("width", PILOT)
    held = []
    for cell, truth in zip(cells, model.log_ratios, strict=True):
        low, high = estimate(log_ratios(blocks, cell), stopping).interval(QUESTION.confidence)
        held.append(low <= truth <= high)
    lengths = [one.shape[1] for one in blocks]
    return total, model.seconds(lengths), float(np.mean(held)), lengths[-1]


def decisions(draw: Draw, models: Sequence[Model], sessions: int) -> list[str]:
    """Return the table of machine time until every ratio has its verdict."""
    lines = [
        "| processes scatter by | five plain blocks: seconds | decided | until verdict, all models "
        "go on: seconds | each ends by itself | steady epochs auto | as a share of five plain |",
        "|---" * 7 + "|",
    ]
    five = sum(model.seconds([PLAIN] * 5) for model in models)
    for process in PROCESSES:
        shares = [_decided(draw, models, process) for _ in range(sessions)]
        ends = {
            label: [until(draw, models, process, rule, together=together) for _ in range(sessions)]
            for label, rule, together in (
                ("all", plain, True),
                ("each", plain, False),
                ("auto", to_verdict, False),
            )
        }
        mean = {label: float(np.mean(one)) for label, one in ends.items()}
        lines.append(
            f"| {100 * process:g} % | {five:.0f} | {100 * np.mean(shares):.0f} % of rows | "
            f"{mean['all']:.0f} | {mean['each']:.0f} | {mean['auto']:.0f} | "
            f"{100 * mean['auto'] / five:.0f} % |"
        )
    return lines


def _decided(draw: Draw, models: Sequence[Model], process: float) -> float:
    blocks = {model: session(draw, model, process, plain, 5) for model in models}
    return float(np.mean([row.verdict not in OPEN for row in _rows(blocks, None)]))


def until(
    draw: Draw, models: Sequence[Model], process: float, rule: Rule, *, together: bool
) -> float:
    """Return the machine seconds until all rows have a verdict, or `MOST` blocks are run."""
    blocks: dict[Model, list[np.ndarray]] = {model: [] for model in models}
    going: set[str] = {model.name for model in models}
    for count in range(1, MOST + 1):
        for model in models:
            if model.name in going:
                one = draw.block(model, rule(draw, model, blocks[model]), process)
                blocks[model].append(one)
        if count < LEAST:
            continue
        still = {row.model for row in _rows(blocks, Stopping("verdict")) if row.verdict in OPEN}
        if not still:
            break
        going = going if together else still
    return sum(model.seconds([one.shape[1] for one in found]) for model, found in blocks.items())


def _rows(blocks: dict[Model, list[np.ndarray]], rule: Stopping | None) -> tuple[Contrast, ...]:
    rows = []
    for model, found in blocks.items():
        for cell in range(1, len(CELLS)):
            logs = log_ratios(found, cell)
            value = estimate(logs, rule).value
            ratio = Ratio(ratio=math.exp(value), block_count=len(logs), pair_count=len(logs))
            rows.append(
                Contrast(
                    model=model.name,
                    cell=CellName(*CELLS[cell]),
                    baseline=CellName(*CELLS[0]),
                    steady=ratio,
                    first_epoch=None,
                    cold_total=None,
                    evidence=weigh(logs, QUESTION, rule),
                    stopping=rule,
                )
            )
    return judge(rows, QUESTION)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True, action="append")
    parser.add_argument("--noise", type=Path, default=Path("results/gate"))
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    models = recorded(options.records)
    draw = Draw(fit([series(options.noise)]), np.random.default_rng(options.seed))
    print("What was recorded of a block of four cells:\n")
    print("| model | start, s | a round, s | scatter of epochs | ratios |\n|---|---|---|---|---|")
    for model in models:
        found = model.costs
        ratios = ", ".join(f"{math.exp(one):.2f}" for one in model.log_ratios)
        print(
            f"| {model.name} | {found.start_seconds:.1f} | {found.round_seconds:.2f} | "
            f"{100 * math.sqrt(found.within):.1f} % | {ratios} |"
        )
    print("\nIntervals:\n", *intervals(draw, models, options.sessions), sep="\n")
    print("\n`--until 2%`:\n", *widths(draw, models, options.sessions // 4), sep="\n")
    print("\nUntil a verdict:\n", *decisions(draw, models, options.sessions // 4), sep="\n")


if __name__ == "__main__":
    main()
