"""Which models the conformance suite is run over, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

# It has every layer, an odd size in every place, and each rung of the ladder shows on it.
SMALLEST = "odd-sizes"
ALL_WORDS = "everything"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the other models of the suite, which take minutes, to `tox -e exhaustive`.

    Of this folder's tests only: pytest gives the items of the whole session.
    """
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        model, words = parameters.get("model"), parameters.get("words")
        # Each is traced or compiled anew there; the words that are left are nearly all.
        traced = "process_conformance" in item.nodeid
        others = getattr(model, "name", SMALLEST) != SMALLEST and "loss" not in parameters
        tasks = traced and "loss" in parameters
        if others or tasks or (traced and words not in {None, ALL_WORDS}):
            item.add_marker(pytest.mark.exhaustive)
