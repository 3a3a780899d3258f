"""In which order the workers of a group take their turns, round by round.

Each comes right after each other one equally often, and first equally often: what one leaves behind
for the next (a warm cache, a hot core) falls on all alike. Source: Williams, "Experimental designs
balanced for the estimation of residual effects of treatments", Australian J. of Scientific Research
A 2 (1949), 149-168.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain


def orders(count: int, seed: int) -> Iterator[list[int]]:
    """Yield an order of `count` workers for every round, without end.

    The rows of a Williams square (of two, where the count is odd), with names and rows drawn from
    the seed, drawn again when all rows are used up.
    """
    drawn = random.Random(seed)
    while True:
        names = drawn.sample(range(count), count)
        rows = _square(count)
        drawn.shuffle(rows)
        for row in rows:
            yield [names[place] for place in row]


def _square(count: int) -> list[list[int]]:
    """Return rows in which each number follows each other one equally often."""
    # 0, n - 1, 1, n - 2, ...: all steps between neighbours differ.
    zigzag = list(chain.from_iterable(zip(range(count), reversed(range(count)), strict=True)))
    first = zigzag[:count]
    rows = [[(place + turn) % count for place in first] for turn in range(count)]
    return rows if count % 2 == 0 else rows + [row[::-1] for row in rows]
