"""Samples of any model's shapes and targets, drawn on the spot: for times, not for outcomes."""

from __future__ import annotations

import hashlib

from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset
from benchbench.data.samples import make_split
from benchbench.spec.model import ModelSpec

NAME = "synthetic"
TRAIN_COUNT, VALIDATION_COUNT, TEST_COUNT = 12_000, 3_000, 2_000

# The samples follow from the model and from this; another way of drawing them is another number.
_RECIPE = f"synthetic 1: {TRAIN_COUNT} {VALIDATION_COUNT} {TEST_COUNT}\n"
SHA256 = hashlib.sha256(_RECIPE.encode()).hexdigest()


def choose() -> Chosen:
    """Return the choice: shapes and targets are those of each model."""
    return Chosen(
        name=NAME,
        sha256=SHA256,
        note="synthetic: samples drawn for each model; for times only, no metric is shown",
    )


def load(model: ModelSpec) -> Dataset:
    """Draw the splits for a model."""
    train, validation, test = (
        make_split(model, count, seed=seed)
        for seed, count in enumerate((TRAIN_COUNT, VALIDATION_COUNT, TEST_COUNT))
    )
    classes = model.classes if model.output_activation == "softmax" else None
    return Dataset(
        name=NAME,
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        sha256=SHA256,
        source="samples drawn for the model",
        tokens=model.vocabulary,
    )
