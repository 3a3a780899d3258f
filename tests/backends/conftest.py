"""Which models the conformance suite is run over, and where."""

from __future__ import annotations

import pytest

# It has every layer, an odd size in every place, and each rung of the ladder shows on it.
SMALLEST = "odd-sizes"
ALL_WORDS = "everything"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the other models of the suite, which take minutes, to `tox -e exhaustive`."""
    for item in items:
        model = getattr(item, "callspec", None) and item.callspec.params.get("model")
        if getattr(model, "name", None) and model.name != SMALLEST:
            item.add_marker(pytest.mark.exhaustive)
        words = getattr(item, "callspec", None) and item.callspec.params.get("words")
        # Keras traces a trainer for each; the one that is left says nearly every word.
        if words and words != ALL_WORDS and "keras" in item.nodeid:
            item.add_marker(pytest.mark.exhaustive)
