"""What is refused before anything is certified, and when a budget is spent."""

from __future__ import annotations

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.session import exceeds, find_dataset
from benchbench.plugins.registry import load_registry
from benchbench.spec.catalog import MODELS

PLUGIN = """
import numpy as np
from benchbench import Dataset, DatasetInfo, Split, hookimpl

def load(location):
    split = Split(np.zeros((5, *SHAPE), np.float32), np.arange(5) % CLASSES)
    return Dataset("theirs", split, split, split, CLASSES, "0" * 64, "a plugin")

@hookimpl
def benchbench_datasets():
    return [DatasetInfo("theirs", load)]
"""


@pytest.mark.parametrize(
    ("shape", "classes", "message"),
    [
        ((8, 9, 3), 4, r"\(28, 28, 1\), .*'theirs' are \(8, 9, 3\)"),
        ((28, 28, 1), 11, "tells 10 classes apart, but 'theirs' has 11"),
    ],
)
def test_a_plugin_s_data_set_that_does_not_fit_is_refused_at_once(install, shape, classes, message):
    install("theirs", f"SHAPE, CLASSES = {shape}, {classes}\n{PLUGIN}")
    with pytest.raises(UsageError, match=message):
        find_dataset("theirs", load_registry(), [MODELS["single-layer"]], note=lambda _: None)


@pytest.mark.parametrize(
    ("spent", "blocks", "over"), [(60, 3, False), (75, 3, False), (76, 3, True), (10, 1, False)]
)
def test_a_block_that_would_end_after_the_budget_is_not_begun(spent, blocks, over):
    assert exceeds(100, spent, blocks) is over
