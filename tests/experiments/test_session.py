"""What is refused before anything is certified, and when a budget is spent."""

from __future__ import annotations

import pytest

from benchbench import Dense, ModelSpec
from benchbench.errors import UsageError
from benchbench.experiments.selection import model_names
from benchbench.experiments.session import default_dataset, exceeds, find_dataset
from benchbench.plugins.registry import load_registry
from benchbench.spec.catalog import MODELS, MORE_MODELS

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


IMAGES = (MODELS["single-layer"], MORE_MODELS["lenet-5"])


@pytest.mark.parametrize(
    ("models", "dataset"),
    [
        (IMAGES, "auto"),
        ([MORE_MODELS["tabular-mlp"]], "diabetes"),
        ([MORE_MODELS["char-gru"], MORE_MODELS["char-transformer"]], "unicode-names"),
        ([MORE_MODELS["autoencoder"]], "auto:autoencoder"),
        ([ModelSpec("tabular-mlp", (3,), (Dense(1),))], "auto"),
        ([], "auto"),
    ],
)
def test_a_model_of_the_catalog_brings_its_data_set(models, dataset):
    assert default_dataset(models) == dataset


def test_models_for_different_data_are_refused_together():
    with pytest.raises(UsageError, match="lenet-5 on auto, tabular-mlp on diabetes"):
        default_dataset([*IMAGES, MORE_MODELS["tabular-mlp"]])


def test_what_was_taken_is_told():
    said = []
    chosen = find_dataset("auto", load_registry(), [MORE_MODELS["tabular-mlp"]], note=said.append)
    assert chosen.name == "diabetes"
    assert said[0].startswith(
        "diabetes, scikit-learn's table: 442 rows, 10 features; 'progression'"
    )


def test_catalog_and_all_stand_for_models():
    assert model_names(["all"]) == [*MODELS]
    assert model_names(["x", "catalog"]) == ["x", *MODELS, *MORE_MODELS]
    assert model_names(["all"], everything=True) == [*MODELS, *MORE_MODELS]
