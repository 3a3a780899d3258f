"""Pairs of two frameworks as users write them, which once came out otherwise."""

from __future__ import annotations

import pytest

SAME = [
    ("keras:flattened", "torch:viewed"),
    ("keras:images_in_a_row", "torch:images_in_a_row"),
    ("keras:one_value", "torch:one_value"),
    ("torch:weights_made_once", "flax:weights_made_once"),
    ("torch:places_first", "flax:places_first"),
    ("torch:last_trained", "flax:last_trained"),
]
WRONG = {
    ("torch:all_trained", "flax:last_trained"): ("gradients", "not trained"),
    ("keras:concatenated", "torch:concatenated_the_other_way"): ("forward", "concatenation order"),
    ("torch:sines", "torch:sines_of_another_rate"): ("architecture", "another constant"),
}


@pytest.mark.parametrize("pair", SAME, ids=".".join)
def test_the_same_function_is_seen_to_be_the_same(gallery, pair):
    report = gallery(*pair)
    assert report.same, report


@pytest.mark.parametrize("pair", WRONG, ids=".".join)
def test_a_mistake_is_named(gallery, pair):
    report = gallery(*pair)
    assert (report.rung, report.trap) == WRONG[pair], report
