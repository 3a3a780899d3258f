"""What does a verdict speak of? `python studies/estimand.py --records results`

Three tables. How often a claim is false where the truth lies at the margin, in each family and in
both, for five blocks. What bursts of other work make of the ratio of a long epoch to a short one.
And how far apart the same ratio came out in the sessions that were recorded.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
from noise_model import fit, series
from stopping import MARGIN, SCATTERS, Blocks, fixed, many, share

from benchbench.compare.contrast import Question, cell_name, contrast
from benchbench.records import RunRecord
from benchbench.run.store import read

BLOCKS, EPOCHS = 5, 10
# A burst lasts a tenth of a second on average and slows down by 62 %, as those of results/selftest.
BURST_SECONDS, BURST_SLOWDOWN = 0.1, 0.62
EPOCH_SECONDS = (0.05, 0.5, 5.0)
DISTURBED = (0.01, 0.05, 0.1, 0.2)
PAIR = ("torch idiomatic", "keras idiomatic")


def families(blocks: Blocks, sessions: int) -> list[str]:
    """Return the shares of false claims at the margin, by the true scatter of blocks."""
    lines = ["| true scatter | SLOWER | SAME | either |", "|---" * 4 + "|"]
    for scatter in SCATTERS:
        ends = many(blocks, fixed, (scatter, [MARGIN]), sessions, most=BLOCKS)
        shares = [share(ends, *one) for one in (("SLOWER",), ("SAME",), ("SLOWER", "SAME"))]
        cells = [f"{100 * scatter:g} %", *(f"{100 * one:.1f} %" for one in shares)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def bursts(sessions: int, random: np.random.Generator) -> list[str]:
    """Return by how much a long epoch comes out slower than a short one that does the same work."""
    heads = " | ".join(f"{seconds:g} s" for seconds in EPOCH_SECONDS)
    lines = [f"| time disturbed | {heads} |", "|---" * (1 + len(EPOCH_SECONDS)) + "|"]
    for disturbed in DISTURBED:
        found = []
        for seconds in EPOCH_SECONDS:
            blocks = [
                statistics.median(
                    math.log(_took(seconds, disturbed, random) / seconds) for _ in range(EPOCHS)
                )
                for _ in range(sessions)
            ]
            found.append(math.expm1(statistics.fmean(blocks)))
        cells = [f"{100 * disturbed:g} %", *(f"+{100 * one:.1f} %" for one in found)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def over_sessions(records: list[RunRecord]) -> list[str]:
    """Return how the ratio of one pair scatters over sessions, by model and threads."""
    sessions: dict[tuple[str, int, str, str], dict[str, list[RunRecord]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for run in records:
        name = str(cell_name(run))
        if run.status == "ok" and name in PAIR and len(run.epochs) > 1:
            sessions[run.model, run.threads, run.dataset, run.session_id][name].append(run)
    ratios: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for (model, threads, dataset, _), cells in sessions.items():
        if len(cells) == len(PAIR):
            found = contrast(cells[PAIR[0]], cells[PAIR[1]], Question()).steady
            if found:
                ratios[model, threads, dataset].append(found.ratio)
    heads = ["model", "threads", "sessions", "ratio, least to greatest", "sd of logs"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (model, threads, _), found in sorted(ratios.items()):
        if len(found) > 2:
            sd = statistics.stdev(map(math.log, found))
            lines.append(
                f"| {model} | {threads} | {len(found)} | {min(found):.2f} to {max(found):.2f} | "
                f"{100 * sd:.0f} % |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True, help="the folder of results")
    parser.add_argument("--sessions", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    noise = fit([series(options.records / "selftest")])
    blocks = Blocks(noise, 1 + EPOCHS, random, pool=50_000)
    archives = sorted(options.records.glob("*/records.jsonl.gz"))
    recorded = [run for archive in archives for run in read(archive)[0]]
    for words, lines in (
        ("At the margin", families(blocks, options.sessions)),
        ("Bursts", bursts(options.sessions // 40, random)),
        (f"{PAIR[0]} against {PAIR[1]}, over sessions", over_sessions(recorded)),
    ):
        print(f"## {words}\n\n" + "\n".join(lines) + "\n")


def _took(work: float, disturbed: float, random: np.random.Generator) -> float:
    """Return the seconds of an epoch that takes `work` undisturbed, where bursts come and go."""
    quiet_seconds = BURST_SECONDS * (1 - disturbed) / disturbed
    burst, seconds = random.random() < disturbed, 0.0
    while True:
        slow = 1 + BURST_SLOWDOWN if burst else 1.0
        lasts = random.exponential(BURST_SECONDS if burst else quiet_seconds)
        if lasts >= work * slow:
            return seconds + work * slow
        seconds += lasts
        work -= lasts / slow
        burst = not burst


if __name__ == "__main__":
    main()
