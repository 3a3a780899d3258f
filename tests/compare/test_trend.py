"""A trend in the steady epochs is said; noise is none."""

from __future__ import annotations

import numpy as np
import pytest
from makers import make_record

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.compare.trend import trend
from benchbench.report import comparison, single, tables
from benchbench.report.renderers import markdown, terminal


def runs(*blocks):
    return [
        make_record(run_id=str(n), block=n, train_seconds=(9, *one)) for n, one in enumerate(blocks)
    ]


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ([(1.0, 1.3, 1.2, 1.4)], None),  # two degrees of freedom: chance would do
        ([(1.0, 1.1001, 1.21, 1.331)], "slower, by 33 % from epoch 2 to 5"),
        ([np.linspace(1, 1.2, 9)], "slower, by 20 % from epoch 2 to 10"),
        ([np.linspace(1, 0.8, 9)], "faster, by 20 % from epoch 2 to 10: it was still warming up"),
        ([np.linspace(1, 1.04, 9)], None),
        ([(1.0, 1.1, 1.22, 1.3), (2.0, 2.2, 2.4, 2.63), (1.5, 1.66, 1.8, 1.97)], "slower, by 3"),
        ([(2.0, 1.0, 1.0, 1.0)], None),
        ([(1.0, 1.5)], None),
        ([()], None),
    ],
)
def test_a_trend_is_told_by_its_size(blocks, told):
    found = trend(runs(*blocks))
    assert (found is None) if told is None else (told in found)


def test_of_noise_hardly_any_is_named():
    random = np.random.default_rng(1)
    named = sum(
        trend(runs(*np.exp(0.1 * random.standard_normal((blocks, 4))))) is not None
        for _ in range(300)
        for blocks in (1, 3)
    )
    assert named <= 3


def test_it_stands_in_the_table_and_beneath_a_single_run():
    cells = [
        make_record(
            run_id=f"{name}-{block}",
            backend=name,
            block=block,
            order_seed=block,
            dataset="mine",
            remarks=("are the labels sorted?",),
            train_seconds=(9, *(factor * np.linspace(1, end, 9))),
        )
        for block in range(2)
        for name, factor, end in (("torch", 1.0, 1.0), ("keras", 1.1, 1.3))
    ]
    sections = compare(cells, Question(), certified=False)
    for view in (comparison, tables):
        table = markdown.render(view.build(sections))
        assert table.count("deeper-cnn, keras idiomatic: its epochs become slower, by 30 %") == 1
        assert "torch idiomatic: its epochs" not in table
        assert table.count("mine: are the labels sorted?") == 1
    alone = terminal.render(single.build(cells[1]))
    assert "its epochs become slower" in alone
    assert "are the labels sorted?" in alone
