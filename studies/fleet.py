"""Do intervals and verdicts over machines hold? `python studies/fleet.py > results/fleet/fleet.md`

Draws fleets: machines whose true log-ratios differ, blocks that scatter on each, and a further
machine that nothing was measured on. How often does the confidence interval hold the middle
machine, and the prediction interval the further one? How often is a verdict false, and what is
found? What is weighed is weighed by `benchbench.compare.over_machines`.

Beside it the interval that textbooks have: the estimate of tau for its truth, with Student's t of
machines - 2 degrees of freedom.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from benchbench.compare.contrast import CellName, Question
from benchbench.compare.machine_resolution import smallest_slowdown_on_machines
from benchbench.compare.over_machines import OverMachines, judge_rows, random_effects
from benchbench.compare.random_effects import RandomEffects

MACHINES = (2, 3, 4, 5, 7, 10)
BETWEEN = (0.0, 0.005, 0.01, 0.02, 0.05)
# Those of which verdicts are counted.
SOME_MACHINES = (3, 5, 10)
SOME_BETWEEN = (0.0, 0.01, 0.02, 0.05)
WITHIN = 0.02
QUESTION = Question()
MARGIN = QUESTION.log_margin
UNEQUAL = (2, 10, 3, 8, 2, 5, 20, 4, 2, 6)
SLOWDOWNS = (0.05, 0.10, 0.20)


@dataclass(frozen=True)
class Design:
    """How a fleet is laid out: its title, and how blocks and machines are drawn.

    `counts` are the blocks of the machines in turn; each is lost with the chance `lost`, but the
    last. `uneven`: the scatter of blocks differs between machines, log-normal with this standard
    deviation. `two_kinds`: a machine's effect is tau or -tau.
    """

    title: str
    counts: Sequence[int]
    lost: float = 0.0
    uneven: float = 0.0
    two_kinds: bool = False


DESIGNS = (
    Design("five blocks a machine", (5,)),
    Design("two blocks a machine", (2,)),
    Design("unequal numbers of blocks (2, 10, 3, 8, 2, 5, 20, 4, 2, 6)", UNEQUAL),
    Design("five blocks a machine, of which a fifth is lost", (5,), lost=0.2),
    Design(
        "five blocks a machine, the scatter of blocks differs (of ten machines by 10 times)",
        (5,),
        uneven=0.7,
    ),
    Design(
        "five blocks a machine, half of the machines at -tau, half at +tau", (5,), two_kinds=True
    ),
)


@dataclass(frozen=True)
class Drawn:
    """One fleet: what was found, and whether its intervals hold what they should."""

    effects: RandomEffects
    further: float
    middle: float

    @property
    def middle_held(self) -> bool:
        low, high = self.effects.interval(QUESTION.confidence)
        return low <= self.middle <= high

    @property
    def further_held(self) -> bool:
        tail = (1 - QUESTION.confidence) / 2
        return tail <= self.effects.prediction.p_above(self.further) <= 1 - tail

    @property
    def further_held_by_textbook(self) -> bool:
        count = self.effects.machine_count
        quantile = special.stdtrit(count - 2, (1 + QUESTION.confidence) / 2)
        half = quantile * math.hypot(self.effects.between, self.effects.error)
        return abs(self.further - self.effects.value) <= half

    @property
    def row(self) -> OverMachines:
        """The row of a table, with what its verdict rests on."""
        prediction = self.effects.prediction
        return OverMachines(
            model="",
            cell=CellName("a", ""),
            baseline=CellName("b", ""),
            machine_count=self.effects.machine_count,
            block_count=0,
            verdicts={},
            ratio=math.exp(self.effects.value),
            between=self.effects.between,
            p_faster=prediction.p_below(-MARGIN),
            p_slower=prediction.p_above(MARGIN),
            p_same=max(prediction.p_above(-MARGIN), prediction.p_below(MARGIN)),
        )


def draw(
    design: Design, machines: int, between: float, middle: float, random: np.random.Generator
) -> Drawn:
    """Draw one fleet whose middle machine has this log-ratio, and measure it."""
    effects = random.normal(0, 1, machines + 1)
    if design.two_kinds:
        effects = np.sign(effects)
    truths = middle + between * effects
    scatters = WITHIN * np.exp(random.normal(0, design.uneven, machines))
    means, sds, counts = [], [], []
    for number in range(machines):
        planned = design.counts[number % len(design.counts)]
        count = max(1, int((random.random(planned) >= design.lost).sum()))
        blocks = random.normal(truths[number], scatters[number], count)
        means.append(float(blocks.mean()))
        sds.append(float(blocks.std(ddof=1)) if count > 1 else 0.0)
        counts.append(count)
    if max(counts) < 2:
        return draw(design, machines, between, middle, random)
    found, _ = random_effects(means, sds, counts)
    return Drawn(found, float(truths[-1]), middle)


def coverage(design: Design, fleets: int, random: np.random.Generator) -> Iterator[str]:
    """Yield the lines of the three tables of one design."""
    held: dict[str, list[str]] = {"middle": [], "further": [], "textbook": []}
    for machines in MACHINES:
        print(f"{design.title}: {machines} machines", file=sys.stderr, flush=True)
        cells: dict[str, list[str]] = {name: [] for name in held}
        for between in BETWEEN:
            drawn = [draw(design, machines, between, 0.1, random) for _ in range(fleets)]
            cells["middle"].append(_percent([one.middle_held for one in drawn]))
            cells["further"].append(_percent([one.further_held for one in drawn]))
            textbook = [machines > 2 and one.further_held_by_textbook for one in drawn]
            cells["textbook"].append(_percent(textbook) if machines > 2 else "none")
        for name, row in cells.items():
            held[name].append(f"| {machines} | {' | '.join(row)} |")
    titles = {
        "middle": "The confidence interval holds the middle machine:",
        "further": "The prediction interval holds a further machine:",
        "textbook": "The textbook's prediction interval holds it:",
    }
    for name, lines in held.items():
        yield from ("", titles[name], "", *_header("machines"), *lines)


def false_verdicts(design: Design, fleets: int, random: np.random.Generator) -> Iterator[str]:
    """Yield a table: verdicts where the middle machine lies at the margin, or where all are equal.

    A verdict is contradicted where the further machine is not as it says.
    """
    yield ("| machines | tau | margin: SLOWER | SAME | contradicted | equals: FASTER or SLOWER |")
    yield "|---" * 6 + "|"
    for machines in SOME_MACHINES:
        for between in SOME_BETWEEN:
            drawn = [draw(design, machines, between, MARGIN, random) for _ in range(fleets)]
            verdicts = _verdicts(drawn)
            wrong = [
                (verdict == "SLOWER" and one.further <= MARGIN)
                or (verdict == "SAME" and abs(one.further) >= MARGIN)
                or (verdict == "FASTER" and one.further >= -MARGIN)
                for verdict, one in zip(verdicts, drawn, strict=True)
            ]
            equals = _verdicts(
                [draw(design, machines, between, 0.0, random) for _ in range(fleets)]
            )
            cells = [
                _percent([one == "SLOWER" for one in verdicts]),
                _percent([one == "SAME" for one in verdicts]),
                _percent(wrong),
                _percent([one in {"FASTER", "SLOWER"} for one in equals]),
            ]
            yield f"| {machines} | {100 * between:g} % | {' | '.join(cells)} |"


def found(design: Design, fleets: int, random: np.random.Generator) -> Iterator[str]:
    """Yield a table: how often slow-downs come out SLOWER, equals SAME, and what is promised."""
    names = [f"{100 * one:g} % slower: SLOWER" for one in SLOWDOWNS]
    yield f"| machines | tau | equals: SAME | {' | '.join(names)} | found in 4 of 5 cases |"
    yield "|---" * (4 + len(SLOWDOWNS)) + "|"
    for machines in SOME_MACHINES:
        for between in SOME_BETWEEN:
            cells = []
            for slowdown in (0.0, *SLOWDOWNS):
                wanted = "SLOWER" if slowdown else "SAME"
                middle = math.log1p(slowdown)
                drawn = [draw(design, machines, between, middle, random) for _ in range(fleets)]
                cells.append(_percent([one == wanted for one in _verdicts(drawn)]))
            least = smallest_slowdown_on_machines(
                machines=machines,
                blocks=design.counts[0],
                within=WITHIN,
                between=between,
                question=QUESTION,
            )
            row = [f"{machines}", f"{100 * between:g} %", *cells, f"{100 * least:.1f} %"]
            yield f"| {' | '.join(row)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleets", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=int, help="only this part, 0 to 8, of the page")
    options = parser.parse_args()
    parts = [0, *range(1, len(DESIGNS) + 3)] if options.part is None else [options.part]
    for part in parts:
        # Each has numbers of its own: alone it comes out as among the others.
        random = np.random.default_rng([options.seed, part])
        _say(*_part(part, options.fleets, random))


def _part(part: int, fleets: int, random: np.random.Generator) -> Iterator[str]:
    """Yield the lines of one part: 0 is the head, then come the designs, then verdicts."""
    if part == 0:
        yield (
            f"Blocks scatter by {100 * WITHIN:g} % on a machine, machines by tau. {fleets:,} "
            f"fleets a figure: its standard error is 0.5 % near 95 %. Made by "
            f"`python studies/fleet.py --fleets {fleets}`."
        )
    elif part <= len(DESIGNS):
        design = DESIGNS[part - 1]
        yield from ("", f"## Coverage: {design.title}")
        yield from coverage(design, fleets, random)
    elif part == len(DESIGNS) + 1:
        yield from ("", f"## False verdicts: {DESIGNS[0].title}", "")
        yield from false_verdicts(DESIGNS[0], fleets, random)
    else:
        yield from ("", f"## Verdicts that are found: {DESIGNS[0].title}", "")
        yield from found(DESIGNS[0], fleets // 2, random)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _verdicts(drawn: Sequence[Drawn]) -> list[str]:
    return [judge_rows([one.row], QUESTION)[0].verdict for one in drawn]


def _header(first: str) -> list[str]:
    taus = " | ".join(f"tau {100 * between:g} %" for between in BETWEEN)
    return [f"| {first} | {taus} |", "|---" * (1 + len(BETWEEN)) + "|"]


def _percent(held: Sequence[bool]) -> str:
    return f"{100 * np.mean(held):.1f} %"


if __name__ == "__main__":
    main()
