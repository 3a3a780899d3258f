"""The orders of turns: drawn from a seed, balanced over their rounds."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import pytest

from benchbench.run.orders import orders


@pytest.mark.parametrize("count", range(1, 10))
def test_each_follows_each_other_one_equally_often_and_is_first_equally_often(count):
    rounds = list(islice(orders(count, 7), count * (1 + count % 2)))
    assert all(sorted(order) == list(range(count)) for order in rounds)
    followed = Counter(pair for order in rounds for pair in pairwise(order))
    assert len(followed) == count * (count - 1)
    assert len(set(followed.values())) <= 1
    assert len(set(Counter(order[0] for order in rounds).values())) == 1


def test_the_seed_settles_them():
    drawn = [list(islice(orders(4, seed), 12)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][:4] != drawn[0][4:8], "each square is drawn anew"
